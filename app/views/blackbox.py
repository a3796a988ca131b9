"""Black box: what a crashed run recorded, and whether AGC could still have saved it."""

import streamlit as st

from app.demos import DEMOS

st.title("Black box")
st.markdown(
    "A small normalizer-free net (NF) without clipping trains, on the shapes at batch 128 and "
    "rate 0.3, and then it dies. What did the instruments say, and when? Each row of the map is"
    " a layer, each column a step; the stronger the colour, the larger the gradient against its"
    " weight. **Scrub** back from the crash, stop in time, and let AGC take over from there: "
    "the same run goes on with clipping."
)
demo = DEMOS["blackbox"]
demo.render(demo.read({"key": "blackbox"}), False)
