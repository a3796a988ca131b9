"""Batch mates: one picture's answer in different company."""

import streamlit as st

from app.demos import DEMOS

st.title("Batch mates")
st.markdown(
    "In training, a batch is a table of eight: your picture and seven strangers. Does the net's "
    "answer about **your** picture depend on who else sits there?"
)
demo = DEMOS["mates"]
demo.render(demo.read({"key": "mates"}), False)
