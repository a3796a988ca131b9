"""Costs: what BN takes in time and memory, measured operation by operation."""

import streamlit as st

from app.demos import DEMOS

st.title("What a normalizer costs")
st.markdown(
    "What does batch normalization cost? The same small residual net three times: with **BN**, "
    "with **NF** (scaled weight standardization in its place), and with **no norm** at all. Where "
    "does the time of a training step go, and how much has to be remembered for its backward pass?"
)
demo = DEMOS["costs"]
demo.render(demo.read({"key": "costs"}), False)
