"""Which network looks: the switch, what is on disk, and a download where one is allowed."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from app.compute.items import ModelFacts
from app.demos import photo_asks, runs
from nfnet.variants import MODELS

NONE = (
    "**No network for photos is on this server yet**, so nothing can be named. Whoever runs it can "
    "fetch one on the command line, once and while online (286 MB):\n\n"
    "```\npython -m nfnet download nfnet_f0\n```\n\n"
    "Where it cannot be online, name a file or folder of weights in `NFNET_WEIGHTS` before the "
    "start. Then press **Look again**, under **All networks**."
)


def short(name: str) -> str:
    """nfnet_f0 -> F0, nfnet_mini -> mini: as it stands in the address and on the switch."""
    part = name.removeprefix("nfnet_")
    return part.upper() if part.startswith("f") else part


def long(name: str) -> str:
    return f"NFNet-{short(name)}"


def size(facts: ModelFacts) -> str:
    """Parameters and file size."""
    words = f"{facts['parameters'] / 1e6:.1f} M parameters" if facts["parameters"] else ""
    if facts["bytes"]:
        megabytes = facts["bytes"] / 1e6
        file = f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1000:.2f} GB"
        words = f"{words}, {file}" if words else file
    return words


def first(models: Sequence[ModelFacts]) -> str | None:
    """The network to begin with: the first that is on disk."""
    return next((each["name"] for each in models if each["on_disk"]), None)


def switch(key: str, models: Sequence[ModelFacts]) -> ModelFacts:
    """The chosen network, from the address or the first on disk."""
    names = [short(each["name"]) for each in models]
    chosen = st.segmented_control(
        "Network",
        names,
        default=short(first(models) or models[0]["name"]),
        required=True,
        key=f"{key}_net",
        bind="query-params",
    )
    facts = models[names.index(chosen)] if chosen in names else models[0]
    st.caption(f"{long(facts['name'])}: {size(facts)}. {facts['about']}".strip())
    return facts


def table(key: str, models: Sequence[ModelFacts]) -> None:
    """All networks, what they weigh and know, and which are here."""
    rows = ["| Network | Parameters | File | Looks at | Names | On this server |"]
    rows += ["|---|---|---|---|---|---|"]
    for facts in models:
        config = MODELS[facts["name"]]
        weight, _, file = size(facts).partition(", ")
        here = "yes" if facts["on_disk"] else "no"
        # a file of our own says itself how large a picture it takes
        looks = f"{config.test_size} px" if facts["published"] else ""
        rows.append(
            f"| {long(facts['name'])} | {weight.removesuffix(' parameters')} | {file} "
            f"| {looks} | {config.num_classes} | {here} |"
        )
    with st.expander("All networks", key=f"{key}_nets"):
        st.markdown("\n".join(rows))
        st.button(
            "Look again",
            key=f"{key}_relist",
            icon=":material/refresh:",
            on_click=photo_asks.look_again,
            args=(key,),
            help="Looks for weights that were put on the server meanwhile.",
        )


def missing(key: str, facts: ModelFacts) -> None:
    """This network is not here: what to do, and a button for who sits at the server."""
    if not facts["published"]:
        st.info(f"{long(facts['name'])} is not on this server.")
        return
    st.info(
        f"{long(facts['name'])} is not on this server. Whoever runs it can fetch it there with "
        f"`python -m nfnet download {facts['name']}` ({size(facts).rpartition(', ')[2]})."
    )
    offer_download(key, facts)


def offer_download(key: str, facts: ModelFacts) -> None:
    """A button for who sits at the server, unless a download is on its way."""
    if may_download() and photo_asks.downloading(key) is None:
        st.button(
            f"Download {long(facts['name'])}",
            key=f"{key}_fetch",
            icon=":material/download:",
            on_click=photo_asks.download,
            args=(key, facts["name"]),
        )


def may_download() -> bool:
    """Only who sits at the server may fill its disk; Streamlit gives them no address."""
    return st.context.ip_address in (None, "127.0.0.1", "::1")


def progress(key: str) -> str:
    """Draws the viewer's own download, if there is one; how closely to watch it."""
    if refused := runs.refusal(key):
        st.warning(refused)
    known = photo_asks.downloading(key)
    if known and known[0].state.ended:
        photo_asks.end_download(key, known[0].state, known[1])
        known = None
    if known is None:
        end, model = photo_asks.download_end(key)
        if end and end.name == "failed":
            st.error(end.message)
        elif end and end.name == "done":
            st.success(f"{long(model)} is here.")
        return ""
    ticket, model, began = known
    items = ticket.events()
    with st.container(horizontal=True, vertical_alignment="center"):
        if items:
            first, last = items[0]["loading"], items[-1]["loading"]
            speed = (last["done"] - first["done"]) / max(time.monotonic() - began, 1e-3)
            share = min(1.0, last["done"] / last["total"]) if last["total"] else 0.0
            st.progress(share, amount(model, last, speed))
        else:
            st.progress(0.0, f"{long(model)} is asked for.")
        st.button("Cancel", key=f"{key}_cancel", icon=":material/stop:", on_click=ticket.cancel)
    return "live"


def amount(model: str, loading: dict, speed: float) -> str:
    """ "NFNet-F0: 120 of 286 MB, 14 s left"; speed in bytes a second."""
    words = f"{long(model)}: {loading['done'] / 1e6:.0f}"
    if loading["total"]:
        words += f" of {loading['total'] / 1e6:.0f}"
    words += " MB"
    if loading["total"] and speed > 0:
        left = (loading["total"] - loading["done"]) / speed
        words += f", {left:.0f} s left" if left < 120 else f", {left / 60:.0f} min left"
    return words
