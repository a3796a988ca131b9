"""Records what the pages Signal propagation and Weight standardization show on arrival.

    python -m benchmarks.record_labs_signals [propagation | turns | filters ...]

One thread on the CPU; a few minutes. The same machine gives the same files again, but for their
date.
"""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from app.demos.propagation_settings import RECORDED as PROPAGATION
from app.demos.turn_settings import RECORDED as TURNS
from benchmarks.record_runs import OUT, dumps, processor, rounded
from nfnet.build import build_model
from nfnet.conv import standardize_weight
from nfnet.propagation import propagate
from nfnet.published import SHIPPED
from nfnet.run import RunConfig
from nfnet.turns import turns
from nfnet.weights import create_model

KINDS = ("propagation", "turns", "filters")
FILTERS = 16  # of a layer, at most


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"out of {', '.join(KINDS)}")
    kinds = parser.parse_args().kinds or KINDS
    if unknown := set(kinds) - set(KINDS):
        parser.error(f"unknown kind '{min(unknown)}'; choose from {', '.join(KINDS)}")
    torch.set_num_threads(1)
    if "propagation" in kinds:
        for name, setting in PROPAGATION.items():
            job = setting.job
            write("propagation", name, job.config, propagate(job.config, job.images, job.shortcut))
    if "turns" in kinds:
        for name, job in TURNS.items():
            write("turns", name, job.config, turns(job.config.replace(device="cpu"), job.at_steps))
    if "filters" in kinds:
        config = RunConfig()
        fresh = build_model(config, num_classes=10).stem
        write("filters", "fresh", config, first_layer(fresh.weight, fresh.gain))
        for name in ("nfnet_mini", "nf_cifar10"):
            path = SHIPPED / f"{name}.safetensors"
            if path.is_file():
                model = create_model(name, weights=path, device="cpu")
                stem = model.stem[0] if hasattr(model.stem, "__getitem__") else model.stem
                write("filters", name, config, first_layer(stem.weight, stem.gain))


@torch.no_grad()
def first_layer(weight: torch.Tensor, gain: torch.Tensor) -> list[dict[str, Any]]:
    """One item a filter: its weights (3, kh, kw), those standardized at a gain of 1, its gain."""
    standardized = standardize_weight(weight)
    return [
        {"weight": w.tolist(), "standardized": s.tolist(), "gain": g.item()}
        for w, s, g in zip(weight[:FILTERS], standardized, gain, strict=False)
    ]


def write(kind: str, name: str, config: RunConfig, items: Iterable[Any]) -> None:
    """slides/recorded/KIND/NAME.json, in the form of the other recordings."""
    recording = {
        "name": name,
        "made": datetime.date.today().isoformat(),
        "conditions": {
            "device": "cpu",
            "cpu": processor(),
            "threads": 1,
            "torch": torch.__version__,
            "command": f"python -m benchmarks.record_labs_signals {kind}",
        },
        "config": config.to_json(),
        "items": [rounded(item) for item in items],
    }
    path: Path = OUT / kind / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dumps(recording), encoding="utf-8")
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB", flush=True)


if __name__ == "__main__":
    main()
