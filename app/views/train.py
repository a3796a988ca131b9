"""Train: race the recipes, and the lecture's first minute."""

import streamlit as st

from app.demos import DEMOS

st.title("Train small nets, live")
PARTS = {"Race the recipes": ("race", "train"), "The first minute": ("cold_open", "train_open")}
for tab, (name, key) in zip(
    st.tabs(list(PARTS), key="train_part", bind="query-params"), PARTS.values(), strict=True
):
    if tab.open:
        with tab:
            DEMOS[name].render(DEMOS[name].read({"key": key}), False)
