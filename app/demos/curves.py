"""The events of a race, gathered net by net into what the charts draw. No Streamlit here."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from app.charts import Line
from app.demos.presets import Lane
from app.numbers import written
from nfnet.events import Diverged, Evaluation, Event, Finished, Loading, Step

NEAR_GUESSING = 0.02  # so little above the accuracy of a guess is no better


@dataclass
class Curve:
    """What one net has shown so far."""

    lane: Lane
    steps: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)  # of units clipped
    tests: list[tuple[int, float]] = field(default_factory=list)  # (step, test accuracy)
    ratios: dict[str, tuple[float, ...]] = field(default_factory=dict)  # the latest step's
    last: Step | None = None
    end: Diverged | Finished | None = None
    loading: Loading | None = None

    def add(self, event: Event) -> None:
        if isinstance(event, Loading):
            self.loading = event
            return
        self.loading = None
        if isinstance(event, Step):
            self.last = event
            self.steps.append(event.step)
            self.losses.append(math.nan if event.loss is None else event.loss)
            self.accuracies.append(event.accuracy)
            self.shares.append(event.clipped_share)
            self.ratios = event.ratios or self.ratios
        elif isinstance(event, Evaluation):
            self.tests.append((event.step, event.accuracy))
        else:
            self.end = event
            if isinstance(event, Finished) and event.accuracy is not None:
                self.tests = [t for t in self.tests if t[0] != event.step]
                self.tests.append((event.step, event.accuracy))

    @property
    def clips(self) -> bool:
        """Whether AGC is or was on at any time."""
        return self.lane.recipe == "agc" or any(self.shares)

    def line(self, values: list[float]) -> Line:
        lane = self.lane
        return Line(lane.label, lane.recipe, self.steps, values, self.tests, fate(self.end))


def gather(lanes: tuple[Lane, ...], items: list[tuple[int, Event]] = ()) -> list[Curve]:
    """One curve a lane, with the items of a race (lane, event) added in order."""
    curves = [Curve(lane) for lane in lanes]
    for lane, event in items:
        curves[lane].add(event)
    return curves


def fate(end: Diverged | Finished | None) -> str:
    """How a net ended, in the fewest words; empty while it runs or if it ended well."""
    if not isinstance(end, Diverged):
        return ""
    if end.reason == "non-finite":
        return f"no longer a number at step {end.step}"
    return "stuck at chance"


def story(curve: Curve) -> str:
    """What became of this net, in one or two sentences for a student; empty while it trains."""
    name, end = curve.lane.label, curve.end
    if end is None:
        return ""
    if isinstance(end, Finished):
        after = f"stopped at step {end.step}" if end.stopped else f"after {end.step} steps"
        guessed = end.accuracy <= curve.lane.guess_accuracy + NEAR_GUESSING
        verdict = ", no better than guessing" if guessed else ""
        return f"**{name}**: {end.accuracy:.1%} of the test images right, {after}{verdict}."
    if end.reason == "non-finite":
        before = (
            f" (at step {end.last_step} it was {written(end.last_loss)})" if end.last_step else ""
        )
        return (
            f"**{name}**: step {end.step}: the loss is no longer a number{before}. "
            "The weights are lost; only a new start helps."
        )
    classes = len(curve.lane.counts)
    among = "ten" if classes == 10 else classes
    even = f"ln {classes} = " if len(set(curve.lane.counts)) == 1 else ""
    return (
        f"**{name}**: stuck at chance: the loss stays at {even}{curve.lane.guess_loss:.2f}, that "
        f"of guessing among {among} classes."
    )


def standing(curve: Curve) -> str:
    """Where this net stands, on one line: its story, or the latest numbers while it trains."""
    if curve.end or curve.last is None:
        return story(curve)
    words = f"**{curve.lane.label}**: loss {written(curve.last.loss)}"
    if curve.clips:
        clipping = curve.last.clipping
        words += f", λ {'off' if clipping is None else f'{clipping:g}'}"
        words += f", {curve.last.clipped_share:.0%} of units clipped"
    return f"{words}."
