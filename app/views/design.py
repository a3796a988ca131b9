"""Design your own: a net within a budget, among everybody's on this server."""

import streamlit as st

from app.demos import DEMOS

st.title("Design your own")
demo = DEMOS["design"]
demo.render(demo.read({}), False)
