"""Clipping: what AGC does to real gradients, unit by unit."""

import streamlit as st

from app.demos import DEMOS

st.title("What clipping does to real gradients")
st.markdown(
    "Training moves each weight by its gradient. **Adaptive gradient clipping** compares, unit by "
    "unit, the length of the gradient with the length of the weights it would change, and shortens "
    "the gradients that are too long for their weights: those above the line λ."
)
demo = DEMOS["clipping"]
demo.render(demo.read({"key": "clip"}), False)
