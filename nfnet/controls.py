"""The levers of a running net: its clipping threshold and learning rate, pause, resume, stop."""

from __future__ import annotations

from dataclasses import dataclass

from nfnet.run import UserError, check_lever


@dataclass(frozen=True)
class Control:
    """One change to a running net: 'clipping' or 'lr' with a value, 'pause', 'resume' or 'stop'."""

    name: str
    value: float | None = None

    def __post_init__(self) -> None:
        if self.name in ("clipping", "lr"):
            if self.name == "clipping" and self.value is None:
                return
            check_lever(self.name, self.value)
        elif self.name not in ("pause", "resume", "stop"):
            raise UserError(f"unknown control {self.name!r}; use clipping, lr, pause, resume, stop")


class Controls:
    """The levers of a run in progress; safe to move from another thread.

    Until a lever is moved the run follows its configuration. `lr` is the peak rate: the schedule's
    factor still applies to it.
    """

    def __init__(self) -> None:
        self._values: dict[str, float | None] = {}
        self.paused = False
        self.stopped = False

    def apply(self, control: Control) -> None:
        """Moves one lever."""
        if control.name in ("clipping", "lr"):
            self._values[control.name] = control.value
        elif control.name == "stop":
            self.stopped = True
        else:
            self.paused = control.name == "pause"

    def value(self, name: str, otherwise: float | None) -> float | None:
        """The lever's position, or `otherwise` (the configuration's) if nobody moved it."""
        return self._values.get(name, otherwise)

    def pause(self) -> None:
        self.apply(Control("pause"))

    def resume(self) -> None:
        self.apply(Control("resume"))

    def stop(self) -> None:
        self.apply(Control("stop"))

    @property
    def clipping(self) -> float | None:
        return self._values.get("clipping")

    @clipping.setter
    def clipping(self, value: float | None) -> None:
        self.apply(Control("clipping", value))

    @property
    def lr(self) -> float | None:
        return self._values.get("lr")

    @lr.setter
    def lr(self, value: float) -> None:
        self.apply(Control("lr", value))
