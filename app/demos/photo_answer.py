"""An answer on the page: what the network saw, what it says, and what it took."""

from __future__ import annotations

import re

import streamlit as st

from app.demos import photo_asks, photo_source, screen
from app.demos.photo_figures import bars, in_words, percent, picture
from app.demos.photo_nets import long
from nfnet.photo import Answer, Question


def where(key: str, standing: photo_asks.Standing) -> None:
    """Why there is no answer to this question yet."""
    if standing.failure:
        st.error(standing.failure)
        if not standing.hopeless:
            st.button("Ask again", key=f"{key}_again", on_click=photo_asks.again, args=(key,))
        return
    state, loading = standing.state, standing.loading
    if state is None:
        return
    if state.name == "queued":
        eta = f", about {state.eta:.0f} s" if state.eta and state.eta >= 1 else ""
        st.caption(f"Your picture is number {state.place} in the queue{eta}.")
    elif loading:
        share = min(1.0, loading["done"] / loading["total"]) if loading["total"] else 0.0
        st.progress(share, "The network is being loaded.")
    else:
        st.caption("The network is looking …")


def says(
    key: str, standing: photo_asks.Standing, shown: photo_source.Picture, compact: bool
) -> None:
    answer, dark = standing.answer, st.context.theme.type == "dark"
    best = answer.predictions[0]
    head = "It says" if standing.fresh else "It said, before the change"
    if not compact:
        with st.container(gap="xxsmall"):
            st.caption(head)
            name = plain(best.label.split(",")[0])
            st.subheader(f"{name}, {percent(best.probability)}", anchor=False)
    size = screen.size(compact) + (0 if compact else 3)
    st.plotly_chart(
        bars(answer.predictions, dark, size),
        key=f"{key}_bars",
        height=round(len(answer.predictions) * (2.7 if compact else 3.4) * size),
        config={"displayModeBar": False, "staticPlot": True},
        alt=f"{head}: {in_words(answer.predictions)}.",
    )
    if answer.threshold is not None and best.probability < answer.threshold:
        (st.caption if compact else st.warning)(
            f"Below {answer.threshold:.0%} this network often does not know: take it as a guess."
        )
    if shown.sample and not compact:
        st.caption(photo_source.WHAT)
    st.caption(cost(answer))


def plain(text: str) -> str:
    """Text in which Markdown finds nothing to do: names of classes come out of a file."""
    return re.sub(r"([^\w\s])", r"\\\1", text)


def cost(answer: Answer) -> str:
    """How long it took and how much there was to compute."""
    work = answer.multiply_adds
    took = f"{answer.seconds:.2f} s" if answer.seconds >= 0.01 else "under 10 ms"
    amount = f"{work / 1e9:.1f} billion" if work >= 1e9 else f"{work / 1e6:.0f} million"
    return (
        f"{long(answer.model)} at {answer.resolution} px: {amount} multiply-adds in {took} on this "
        "server."
    )


def seen(key: str, answer: Answer, question: Question, compact: bool) -> None:
    clickable = question.occlusion is not None
    best = answer.predictions[0].label.split(",")[0]
    st.plotly_chart(
        picture(answer, question.heat_map, clickable),
        key=f"{key}_seen",
        height=320 if compact else 400,
        config={"displayModeBar": False},
        alt=f"The square of {answer.resolution} pixels that the network saw and called {best}.",
        **({"on_select": lambda: _clicked(key), "selection_mode": "points"} if clickable else {}),
    )
    if not compact:
        st.caption(
            f"As the network sees it: a square of {answer.resolution} × {answer.resolution} px."
        )


def _clicked(key: str) -> None:
    """A click into the picture puts the square there."""
    selection = (st.session_state.get(f"{key}_seen") or {}).get("selection") or {}
    points = selection.get("points") or []
    if points:
        for name in ("x", "y"):
            value = points[-1].get(name)
            if isinstance(value, int | float) and 0 <= value <= 1:
                st.session_state[f"{key}_{name}"] = round(value * 20) / 20
