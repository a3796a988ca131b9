"""Published: what the papers report, drawn from tables with their sources."""

import streamlit as st

from app.demos import DEMOS, links, one_of
from app.demos.published import asked, tell
from app.demos.published_figures import FIGURES

st.title("What the papers report")
names = list(FIGURES)
links.check("pub", {"figure": ("figure", one_of(*names))})
chosen = st.selectbox(
    "Figure",
    names,
    index=names.index(asked("pub_figure", tuple(names), names[0])),
    format_func=lambda name: FIGURES[name].title,
    key="pub_figure",
)
tell("pub_figure", chosen, names[0])
demo = DEMOS["published"]
demo.render(demo.read({"figure": chosen, "key": "pub"}), False)
