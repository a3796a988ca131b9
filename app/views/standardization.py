"""Weight standardization: what it does to filters, and why AGC is then a speed limit."""

import streamlit as st

from app.demos import DEMOS

st.title("Weight standardization")
st.markdown(
    "Normalizer-free nets standardize their **weights** instead of their activations. What does "
    "that do to a filter, which factor does an activation then need, and how fast may a filter "
    "turn?"
)
demo = DEMOS["standardization"]
demo.render(demo.read({"key": "weights"}), False)
