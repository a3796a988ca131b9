"""The page list. Run by `python -m app`, or by `streamlit run app/main.py`."""

import sys
from pathlib import Path

# `streamlit run` puts only app/ on the path; imports begin with `app.` and `nfnet.`.
ROOT = str(Path(__file__).resolve().parents[1])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

import streamlit as st  # noqa: E402

from app import shell  # noqa: E402

shell.prepare()
st.navigation(
    [
        st.Page("views/lecture.py", title="Lecture", icon=":material/slideshow:", default=True),
        st.Page("views/train.py", title="Train", icon=":material/model_training:"),
        st.Page("views/clipping.py", title="Clipping", icon=":material/content_cut:"),
        st.Page("views/blackbox.py", title="Black box", icon=":material/flight:"),
        st.Page("views/costs.py", title="Costs", icon=":material/timer:"),
        st.Page("views/mates.py", title="Batch mates", icon=":material/groups:"),
        st.Page("views/propagation.py", title="Signal", icon=":material/ssid_chart:"),
        st.Page("views/standardization.py", title="Weights", icon=":material/straighten:"),
        st.Page("views/models.py", title="Models", icon=":material/account_tree:"),
        st.Page("views/sweeps.py", title="Sweeps", icon=":material/grid_on:"),
        st.Page("views/factorial.py", title="Ingredients", icon=":material/science:"),
        st.Page("views/design.py", title="Design your own", icon=":material/architecture:"),
        st.Page("views/photos.py", title="Photos", icon=":material/photo_camera:"),
        st.Page("views/published.py", title="Published", icon=":material/menu_book:"),
    ],
    position="top",
).run()
