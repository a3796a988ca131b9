"""The photos demo where nothing moves: the drawing as the small net saw it, and what it said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from app.deck.model import Still
from app.demos.recorded import FOLDER
from nfnet.photo import SMALL_MODEL, Answer
from nfnet.run import UserError

RECORDED = FOLDER / "photos" / f"{SMALL_MODEL}.json"  # made by benchmarks/record_photos.py
SIZE = 20  # px of a letter on a slide of 1280 px
HEIGHT = 360
SHARE = 0.36  # of the figure's width, for the picture


def still(params: dict[str, Any]) -> tuple[Still, ...]:
    """The recorded answer to the slide's drawing; nothing where there is none."""
    # Here and not above: Plotly takes a second that only this figure needs.
    from app.demos.photo_figures import bars, in_words

    try:
        values, answer = load(params["sample"])
    except UserError:
        return ()
    figure = bars(answer.predictions, dark=False, size=SIZE).to_plotly_json()
    layout = figure["layout"]
    layout["height"] = HEIGHT
    layout["margin"]["b"] = 16
    layout["xaxis"]["domain"] = [SHARE, 1]
    layout["images"] = [_picture(answer)]
    what = params["sample"].replace("-", " ")
    conditions = values["conditions"]
    threads = conditions["threads"]
    caption = (
        f"What our small net said to this drawing, seen as {answer.resolution} × "
        f"{answer.resolution} px; it knows {values['names']} names. Recorded {values['made']} on "
        f"{conditions['cpu']}, {threads} thread{'s' if threads != 1 else ''}, PyTorch "
        f"{conditions['torch']}."
    )
    alt = f"Drawing: {what}. The small net's answers: {in_words(answer.predictions)}."
    return (Still(figure, alt, caption),)


def load(sample: str, path: Path = RECORDED) -> tuple[dict[str, Any], Answer]:
    """The recording's file, and its answer to this sample.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return values, Answer.from_json(values["answers"][sample])
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(
            f"There is no recorded answer to '{sample}'; run `python -m benchmarks.record_photos`."
        ) from None


def _picture(answer: Answer) -> dict[str, Any]:
    from app.demos.photo_figures import picture

    (image,) = picture(answer, spotlight=False, clickable=False).to_plotly_json()["layout"][
        "images"
    ]
    paper = {"xref": "paper", "yref": "paper", "x": 0, "y": 1, "sizex": SHARE - 0.05, "sizey": 1}
    return {**image, **paper, "sizing": "contain", "xanchor": "left", "yanchor": "top"}
