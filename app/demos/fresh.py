"""Whose gradients the Clipping page shows, and a job that takes those of another seed."""

from __future__ import annotations

from typing import Any

import streamlit as st

import app.compute
from app.compute.jobs import Gradients
from app.demos import loading, runs
from app.demos.data_choice import Pictures
from nfnet.presets import PRESETS
from nfnet.run import RunConfig, UserError

STEPS = (0, 20, 60)  # training steps done when the gradients are taken
CONFIG = RunConfig(clipping=0.01)  # the net whose gradients are taken: it trains
TRAINED = "trained"  # stands beside the steps: the net that comes with the lecture, one batch
TRAINED_CONFIG = PRESETS["nf_cifar10"].replace(start="nf_cifar10", precision="float32")


def taken(key: str, pictures: Pictures) -> tuple[RunConfig, list[dict[str, Any]]] | None:
    """The viewer's own set of gradients on these pictures, and of which run."""
    return st.session_state.get(f"{key}_taken", {}).get(pictures.dataset)


def offer(key: str, pictures: Pictures) -> None:
    """A button that takes a new set of gradients into the session, in a job of the long queue."""
    ticket_id = st.session_state.get(f"{key}_ticket")
    ticket = app.compute.get_compute().ticket(ticket_id, runs.owner()) if ticket_id else None
    if ticket is not None and ticket.job.config.dataset != pictures.dataset:
        _cancel(key)
        ticket = None
    waiting = ticket is not None and not ticket.state.ended
    with st.container(key=f"{key}_another"):
        st.subheader("Another net")
        if pictures.drawn:
            st.markdown("The same net from other first weights: does the picture change?")
        else:
            st.markdown(f"The same net, trained here and now on {pictures.called}.")
        st.fragment(_part, run_every=1.0 if waiting else None)(key, pictures, waiting)


def _part(key: str, pictures: Pictures, waiting: bool) -> None:
    why = pictures.too_large(CONFIG.batch_size)
    if why:
        st.info(why)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        seed = st.number_input("Seed", 0, 9999, 1, key=f"{key}_seed", width=140)
        st.button(
            "Take fresh gradients",
            key=f"{key}_fresh",
            icon=":material/refresh:",
            disabled=waiting or bool(why),
            on_click=_submit,
            args=(key, pictures),
            help=f"Trains a net with this seed for {max(STEPS)} steps, about ten seconds.",
        )
        if waiting:
            st.button(
                "Cancel", key=f"{key}_cancel", icon=":material/stop:", on_click=_cancel, args=(key,)
            )
        recorded = pictures.drawn and taken(key, pictures)
        if recorded and st.button("Back to the recorded ones"):
            del st.session_state[f"{key}_taken"][pictures.dataset]
            st.rerun()
    refused = runs.refusal(key)
    if refused:
        st.warning(refused)
    ticket_id = st.session_state.get(f"{key}_ticket")
    if not ticket_id:
        return
    ticket = app.compute.get_compute().ticket(ticket_id, runs.owner())
    state = ticket.state if ticket else None
    if state is None or state.name in ("failed", "cancelled"):
        del st.session_state[f"{key}_ticket"]
        st.error((state and state.message) or "The gradients could not be taken; press again.")
    elif state.name == "done":
        del st.session_state[f"{key}_ticket"]
        sets = st.session_state.setdefault(f"{key}_taken", {})
        sets[pictures.dataset] = (ticket.job.config, loading.apart(ticket.events())[0])
        st.rerun()
    elif not waiting:
        st.rerun()
    else:
        items, fetched = loading.apart(ticket.events())
        if fetched:
            loading.bar(fetched)
            return
        done = len(items)
        st.progress(done / len(STEPS), f"Training seed {seed}: {done} of {len(STEPS)} sets taken.")


def _cancel(key: str) -> None:
    ticket = app.compute.get_compute().ticket(st.session_state.pop(f"{key}_ticket"), runs.owner())
    if ticket:
        ticket.cancel()


def _submit(key: str, pictures: Pictures) -> None:
    config = pictures.on(CONFIG).replace(seed=int(st.session_state[f"{key}_seed"]))
    try:
        ticket = app.compute.get_compute().submit(Gradients(config, STEPS), runs.owner())
    except UserError as error:
        st.session_state[f"{key}_refusal"] = str(error)
        return
    st.session_state[f"{key}_ticket"] = ticket.id
