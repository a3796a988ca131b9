"""Photos: what a network sees in a picture, and what it calls it."""

import streamlit as st

from app.demos import DEMOS

st.title("What does the network see?")
st.markdown(
    "An NFNet looks at a picture and shares out its belief among the names it was taught. Begin "
    "with a drawing, or show it a picture of your own; then turn it, darken it or cover a part."
)
demo = DEMOS["photos"]
demo.render(demo.read({"key": "photos"}), False)
