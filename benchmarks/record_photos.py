"""Records what the small net that comes with the library says to each sample drawing.

    python -m benchmarks.record_photos [--out slides/recorded/photos]

Printed slides and the exported file show these answers. One thread on the CPU, float32.
"""

from __future__ import annotations

import argparse
import datetime
import json
from pathlib import Path
from typing import Any

from app.demos.photos import TOP
from benchmarks.record_runs import processor
from nfnet.drawings import SAMPLES, sample
from nfnet.photo import SMALL_MODEL, Question
from nfnet.relay import returned

OUT = Path(__file__).resolve().parents[1] / "slides" / "recorded" / "photos"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path, default=OUT, help="the folder written to")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{SMALL_MODEL}.json"
    path.write_text(json.dumps(record(), indent=1) + "\n", encoding="utf-8")
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


def record() -> dict[str, Any]:
    """The answers by sample, and how they were come by."""
    import torch

    torch.set_num_threads(1)
    net = _loaded()
    return {
        "made": datetime.date.today().isoformat(),
        "conditions": {
            "device": "cpu",
            "cpu": processor(),
            "threads": 1,
            "torch": torch.__version__,
            "precision": "float32",
            "command": "python -m benchmarks.record_photos",
        },
        "names": len(net.classes),
        "answers": {name: _answer(net, name) for name in SAMPLES},
    }


def _loaded() -> Any:
    from nfnet.predict import load_classifier

    return returned(load_classifier(SMALL_MODEL, device="cpu", precision="float32"))


def _answer(net: Any, name: str) -> dict[str, Any]:
    values = net.answer(sample(name), Question(SMALL_MODEL, top=TOP)).to_json()
    values["seconds"] = 0.0  # not the same twice, and not shown
    for prediction in values["predictions"]:
        prediction["probability"] = round(prediction["probability"], 4)
    return values


if __name__ == "__main__":
    main()
