"""Sweeps: many short trainings at once, and what they say about thresholds and batches."""

import streamlit as st

from app.demos import DEMOS

st.title("Thresholds, batches and nets")
st.markdown(
    "One run proves little. Here each point is the same short training from several first weights "
    "(**seeds**): the mean, and a bar from the lowest to the highest. Run a part yourself and your "
    "nets appear in the figure."
)
demo = DEMOS["sweeps"]
demo.render(demo.read({}), False)
