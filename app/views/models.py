"""Models: every net block by block, and what it costs."""

import streamlit as st

from app.demos import DEMOS

st.title("Models")
st.markdown(
    "What a net is made of, block by block, and what that costs: **parameters** are the numbers it "
    "learns, **multiply-adds** the work for one picture. Move a slider and the counts follow."
)
demo = DEMOS["models"]
demo.render(demo.read({"key": "models"}), False)
