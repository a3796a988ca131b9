"""Factorial: each ingredient of the NF net in or out, and what that changed."""

import streamlit as st

from app.demos import DEMOS

st.title("Which ingredient matters on a toy net?")
st.markdown(
    "The talk of 2021 asked: **was it AGC or the architecture?** On a net this small every "
    "combination can be tried: four ingredients, each in or out, make sixteen nets, and four more "
    "have BatchNorm in their place. If an ingredient helps only where another is missing, or only "
    "together with it, one sees an **interaction**."
)
demo = DEMOS["factorial"]
demo.render(demo.read({}), False)
