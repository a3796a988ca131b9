"""The lower part of the models explorer: the published nets, and ours among them."""

from __future__ import annotations

import streamlit as st

from app.demos import links, one_of, places, tables
from app.demos.models_compared import ACROSS, NONE, UP, Price, chart, comparison, sources
from app.demos.models_drawing import short
from app.demos.models_settings import CONFIGS
from app.demos.published import asked, tell
from nfnet.counts import Counts, count

PEERS = (
    "ResNets and EfficientNets are counted as common libraries have them, to the last parameter. "
    "EfficientNet-B4, B5 and B7 then have 3 to 5 % more multiply-adds than their paper prints, in "
    "two digits; we do not know why. ResNet-50's 26.0 M are what the NFNets paper "
    "prints."
)
F4_PLUS = (
    "The paper's F4+ is not quite that of its released code: with one group of 192 channels in the "
    "first stage's 3×3 convolutions the counts are the printed 527 M and 367 G; the code rounds "
    "the 192 down to 128, and so does this library."
)


def against(key: str, counts: Counts, name: str) -> None:
    """A chart and a table of the published nets, with a net of ours among them.

    Args:
        name: what the net is called.
    """
    nf, bn = (short(count(CONFIGS[net], 224).multiply_adds) for net in ("nf_resnet50", "resnet50"))
    st.markdown(
        f"At 224 px NF-ResNet-50 has {nf} multiply-adds and ResNet-50 {bn}: the same convolutions, "
        "another way to keep the signal in size. The points are published figures. The dotted line "
        f"shows where {name} stands; of a changed net nobody knows the height, as nobody has "
        "trained it."
    )
    links.check(key, {"x": ("axis", one_of(*ACROSS)), "y": ("axis", one_of(*UP))})
    with st.container(horizontal=True):
        x = _axis(f"{key}_x", "Across", ACROSS, "work")
        y = _axis(f"{key}_y", "Up", UP, "tpu")
    value = {
        "work": counts.multiply_adds / 1e9,
        "parameters": counts.parameters / 1e6,
        "px": counts.resolution,
    }[x]
    places.show(key, places.looks(False, height=1), lambda look: chart(look, x, y, name, value))
    with st.expander("All nets: our counts beside the published ones", expanded=True):
        st.table(list(comparison()))
        st.markdown(
            f"{NONE}: our tables have no published figure. A published count is compared with ours "
            f"rounded to as many digits.\n\n{PEERS}\n\n{F4_PLUS}"
        )
        st.caption(tables.small_print(sources()))


def _axis(key: str, label: str, choices: dict[str, Price], usual: str) -> str:
    if st.session_state.get(key) not in choices:
        st.session_state[key] = asked(key, tuple(choices), usual)
    value = st.segmented_control(
        label,
        list(choices),
        default=st.session_state[key],
        format_func=lambda name: choices[name].called,
        required=True,
        key=key,
    )
    tell(key, value, usual)
    return value
