"""The trainings whose filters are watched as they turn. Loads no Streamlit."""

from __future__ import annotations

from app.compute.jobs import Turns
from nfnet.run import RunConfig

LRS = ("0.1", "0.3", "1")
MOMENTA = ("0", "0.9")
AT_STEPS = (1, 5, 10, 20, 30, 45, 60, 80)


def job(clipping: str, lr: str, momentum: str, standardized: bool = True, seed: int = 0) -> Turns:
    """The lecture's small NF net with these settings; `clipping` may be "off"."""
    config = RunConfig(
        clipping=None if clipping == "off" else float(clipping),
        lr=float(lr),
        momentum=float(momentum),
        without=() if standardized else ("ws",),
        seed=seed,
    )
    return Turns(config, AT_STEPS)


RECORDED: dict[str, Turns] = {
    "agc": job("0.01", "1", "0.9"),
    "off": job("off", "1", "0.9"),
    "agc-plain": job("0.01", "1", "0"),
    "off-plain": job("off", "1", "0"),
    "agc-without-ws": job("0.01", "1", "0.9", standardized=False),
}
