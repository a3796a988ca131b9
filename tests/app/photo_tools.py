"""Pictures, weights and scripted answers for the tests of the Photos page."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from app.compute.jobs import Classify, Models
from app.compute.tickets import State
from nfnet.photo import Answer, Prediction
from tests.app.scripted_compute import ScriptedCompute, ScriptedTicket

WORDS = ("goldfish", "school bus", "<b>bold</b> *tag*", "king penguin", "umbrella")


def jpeg(image: Image.Image, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **{"quality": 90, **options})
    return file.getvalue()


SQUARE = jpeg(Image.new("RGB", (64, 64), "orange"))
SHARES = (0.75, 0.1, 0.05, 0.02, 0.0004)
NAMES = ("goldfish, Carassius auratus", "<b>tench</b>", "*great* white shark", "hen", "cock")


def answer(model="nfnet_f0", threshold=None, best=0.75, heat_map=None) -> Answer:
    shares = (best, *SHARES[1:])
    predictions = tuple(
        Prediction(n, name, share, f"n{n}")
        for n, (name, share) in enumerate(zip(NAMES, shares, strict=True))
    )
    return Answer(model, predictions, 0.62, 12_380_000_000, 256, SQUARE, heat_map, threshold)


def facts(*on_disk: str) -> list[dict]:
    return [
        {
            "name": name,
            "on_disk": name in on_disk,
            "parameters": 71_489_284 * (n + 1),
            "bytes": 285_957_136 * (n + 1),
            "published": name != "nfnet_mini",
            "about": "Made for tests." if name in on_disk else "",
        }
        for n, name in enumerate(("nfnet_f0", "nfnet_f1", "nfnet_mini"))
    ]


class PhotoCompute(ScriptedCompute):
    """Answers lists of models at once; questions as the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.models = facts("nfnet_f0")

    def submit(self, job, owner: str) -> ScriptedTicket:
        ticket = super().submit(job, owner)
        if isinstance(job, Models):
            ticket.items, ticket.state = [{"models": self.models}], State("done")
        return ticket

    @property
    def asked(self) -> list[ScriptedTicket]:
        return [ticket for ticket in self.tickets if isinstance(ticket.job, Classify)]

    def reply(self, **changes) -> None:
        ticket = self.asked[-1]
        ticket.items = [{"answer": answer(ticket.job.question.model, **changes).to_json()}]
        ticket.state = State("done")


def phone_picture(width: int = 4000, height: int = 3000) -> bytes:
    """Twelve megapixels as a phone held upright stores them: lying, with a note to turn them.

    Seen rightly, the upper half is red and the lower blue. The file tells where it was taken.
    """
    grain = np.random.default_rng(0).integers(0, 40, (height, width, 3), dtype=np.uint8)
    grain[:, : width // 2, 0] += 200
    grain[:, width // 2 :, 2] += 200
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    exif.get_ifd(0x8825)[1] = "N"  # GPS
    exif.get_ifd(0x8825)[2] = (52.0, 13.0, 7.0)
    lying = np.ascontiguousarray(grain)
    return jpeg(Image.fromarray(lying), exif=exif)


def tiny_weights(folder: Path, threshold: float | None = None) -> Path:
    """A file of random weights in our own format: for tests, which look at everything but sense."""
    import torch

    from nfnet.variants import MODELS
    from nfnet.weights import create_model, save_weights

    config = MODELS["nfnet_mini"]
    torch.manual_seed(0)
    model = create_model("nfnet_mini", num_classes=config.num_classes)
    classes = [(f"n{i:08d}", f"{WORDS[i % 5]} {i}") for i in range(config.num_classes)]
    preprocessing = {
        "resolution": 64,
        "mean": [0.5, 0.5, 0.5],
        "std": [0.25, 0.25, 0.25],
        "resize": "short side",
    }
    provenance = {"data": "nothing, at random", "accuracy": 0.005}
    if threshold is not None:
        provenance["threshold"] = threshold
    path = folder / "nfnet_mini.safetensors"
    save_weights(model, path, classes=classes, preprocessing=preprocessing, provenance=provenance)
    return path
