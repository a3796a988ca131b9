"""The nets of the signal propagation lab: what can be changed, and what a net then computes to.

Loads no Streamlit. Measured beforehand are the settings that `RECORDED` names.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.compute.jobs import DEPTH, Propagate
from app.demos import recorded
from nfnet.formulas import predicted_variances
from nfnet.meanfield import Signal, propagated
from nfnet.run import RunConfig, UserError

NETS = {"nf": "NF", "batch": "BN", "none": "no norm"}
PARTS = {  # what an NF net is made of, by the name that a link uses
    "ws": "weight standardization",
    "gamma": "γ",
    "alpha": "α",
    "beta": "β",
}
ALPHAS = ("0.05", "0.1", "0.2", "0.3", "0.5", "0.7", "1")
GAINS = ("0", "0.1", "0.25", "0.5", "1")
WIDTHS = ("8", "16", "32")
SHORTCUTS = {"strided": "every second pixel", "pool": "mean of 2 × 2"}
IMAGES = {"noise": "white noise", "shapes": "drawn shapes"}
ACTIVATIONS = {"relu": "ReLU", "gelu": "GELU", "silu": "SiLU"}
STAGES = 3
BLOCKS = (STAGES, DEPTH)
SIDE = 32  # px


@dataclass(frozen=True)
class Setting:
    """One net, and what is sent through it. The defaults are what the lab shows on arrival."""

    net: str = "nf"
    parts: tuple[str, ...] = tuple(PARTS)
    alpha: str = "0.2"
    activation: str = "relu"
    blocks: int = 12
    width: str = "32"
    gain: str = "1"
    shortcut: str = "strided"
    images: str = "noise"
    seed: int = 0

    @property
    def depths(self) -> tuple[int, ...]:
        """Blocks of each stage, as equal as they come; the first ones get what is left over."""
        return tuple((self.blocks + STAGES - 1 - stage) // STAGES for stage in range(STAGES))

    @property
    def transitions(self) -> list[bool]:
        first, second = self.depths[0], self.depths[0] + self.depths[1]
        return [block in (first, second) for block in range(self.blocks)]

    @property
    def scale(self) -> float:
        """α, which is 1 where it is left out and in the other nets."""
        return float(self.alpha) if self.net == "nf" and "alpha" in self.parts else 1.0

    @property
    def without(self) -> tuple[str, ...]:
        if self.net != "nf":
            return ()
        return tuple(p for p in ("ws", "gamma", "beta") if p not in self.parts)

    @property
    def config(self) -> RunConfig:
        width = int(self.width)
        return RunConfig(
            norm=self.net,
            resolution=SIDE,
            widths=tuple(width << stage for stage in range(STAGES)),
            depths=self.depths,
            activation=self.activation,
            alpha=self.scale,
            without=self.without,
            skip_gain=None if self.gain == "1" else float(self.gain),
            batch_size=32,
            steps=1,
            seed=self.seed,
        )

    @property
    def job(self) -> Propagate:
        return Propagate(self.config, self.images, self.shortcut)

    def curve(self) -> list[Signal]:
        """What a wide net of this kind does to white noise."""
        return propagated(
            self.transitions,
            self.net,
            activation=self.activation,
            alpha=self.scale,
            skip_gain=float(self.gain),
            without=self.without,
            pool=self.shortcut == "pool",
            side=SIDE,
        )

    def divided_by(self) -> list[float] | None:
        """Variances after each block that an NF net counts on; None for a net that does not."""
        if self.net != "nf" or "beta" not in self.parts:
            return None
        return predicted_variances(self.transitions, self.scale)[1:]

    def recorded(self) -> recorded.Recorded | None:
        """The measurement of exactly this that was made beforehand, if there is one."""
        for name, setting in RECORDED.items():
            if setting.job == self.job:
                try:
                    return recorded.load(f"propagation/{name}")
                except UserError:
                    return None
        return None


def left_out(*parts: str) -> Setting:
    """The usual NF net without these."""
    return Setting(parts=tuple(part for part in PARTS if part not in parts))


RECORDED: dict[str, Setting] = {
    "nf": Setting(),
    "batch": Setting(net="batch"),
    "none": Setting(net="none"),
    "without-ws": left_out("ws"),
    "without-gamma": left_out("gamma"),
    "without-beta": left_out("beta"),
    "without-alpha": left_out("alpha"),
    "without-alpha-beta": left_out("alpha", "beta"),
    "pool": Setting(shortcut="pool"),
    "gelu": Setting(activation="gelu"),
    "silu": Setting(activation="silu"),
    "shapes": Setting(images="shapes"),
    "shapes-pool": Setting(images="shapes", shortcut="pool"),
    "deep": Setting(blocks=200, width="8"),
    "deep-batch": Setting(net="batch", blocks=200, width="8"),
    "deep-none": Setting(net="none", blocks=200, width="8"),
}
