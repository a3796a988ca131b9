"""Published: what the papers report, drawn from tables with their sources."""

import streamlit as st

from app.demos import DEMOS
from app.demos.published_figures import FIGURES

st.title("What the papers report")
chosen = st.selectbox(
    "Figure",
    list(FIGURES),
    format_func=lambda name: FIGURES[name].title,
    key="pub_figure",
    bind="query-params",
)
demo = DEMOS["published"]
demo.render(demo.read({"figure": chosen, "key": "pub"}), False)
