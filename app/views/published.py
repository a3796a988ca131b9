"""Published: what the papers report, drawn from tables with their sources."""

import streamlit as st

from app.demos import DEMOS, links, one_of, reset
from app.demos.published import asked, tell
from app.demos.published_figures import FIGURES
from app.demos.published_names import DEFAULTS

st.title("What the papers report")
names = list(FIGURES)
links.check("pub", {"figure": ("figure", one_of(*names))})
with st.container(horizontal=True, vertical_alignment="bottom"):
    chosen = st.selectbox(
        "Figure",
        names,
        index=names.index(asked("pub_figure", tuple(names), names[0])),
        format_func=lambda name: FIGURES[name].title,
        key="pub_figure",
        width=480,
    )
    tell("pub_figure", chosen, names[0])
    reset.button("pub", {"figure": names[0], **DEFAULTS})
    options = {name: about.called.lower() for name, about in FIGURES[chosen].options.items()}
    links.hand_out("pub", {"figure": "figure", **options})
demo = DEMOS["published"]
demo.render(demo.read({"figure": chosen, "key": "pub"}), False)
