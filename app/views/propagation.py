"""Signal propagation: what depth does to the signal at initialisation."""

import streamlit as st

from app.demos import DEMOS

st.title("Signal propagation")
st.markdown(
    "Before a net has learned anything, what does its depth do to a signal? If the variance "
    "doubles a block, or all pictures become alike, training has a hard start. Choose a net, leave "
    "out a part of it: the **line** is computed at once, the **dots** are measured."
)
demo = DEMOS["propagation"]
demo.render(demo.read({"key": "prop"}), False)
