"""What the page Costs says, over seeds; and the figures that it shows before anybody measures.

    python -m benchmarks.costs [--seeds 5] [--record slides/recorded]

For each width and batch size the three nets' steps alternate, in CPU time of one thread. A seed is
a whole measurement with other weights and another batch; the table gives medians over seeds and
the range, of the ratios as well. Recorded is, of each cell, the measurement of median step time.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from app.demos.costs_data import WIDTHS, job, recorded_as
from benchmarks.record_runs import dumps, processor, rounded
from benchmarks.step_cost import conditions
from nfnet.costs import costs
from nfnet.stopwatch import OPERATIONS

Item = dict[str, Any]
Cells = dict[tuple[int, str], list[Item]]  # (batch size, norm) -> a measurement a seed


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--record", type=Path, metavar="FOLDER", help="write the figures there")
    settings = parser.parse_args(arguments)
    torch.set_num_threads(1)
    print(conditions(), flush=True)
    for width in WIDTHS:
        cells: Cells = defaultdict(list)
        for seed in range(settings.seeds):
            for item in costs([c.replace(device="cpu") for c in job(width, seed).configs]):
                cells[item["batch_size"], item["norm"]].append(item)
        table(width, cells)
        if settings.record:
            record(width, cells, settings)
    print(f"at the end: {conditions()}")


def table(width: str, cells: Cells) -> None:
    """Prints medians and ranges."""
    print(f"\n{job(width).config.widths} channels, {len(next(iter(cells.values())))} seeds")
    heads = [f"{name[:6]:>7}" for name in OPERATIONS]
    print(
        f"batch norm    ms (range)              / none (range)       MB  watched {' '.join(heads)}"
    )
    for (batch, norm), items in cells.items():
        steps = [item["step_ms"] for item in items]
        ratios = [
            item["step_ms"] / none["step_ms"]
            for item, none in zip(items, cells[batch, "none"], strict=True)
        ]
        watched = statistics.median(item["watched_ms"] / item["step_ms"] for item in items)
        shares = [statistics.median(share(item, name) for item in items) for name in OPERATIONS]
        print(
            f"{batch:5} {norm:6} {spread(steps, '7.2f')} {spread(ratios, '5.2f')} "
            f"{items[0]['saved_bytes'] / 1e6:7.2f} {watched:7.2f} "
            + " ".join(f"{value:7.1%}" for value in shares),
            flush=True,
        )


def share(item: Item, operation: str) -> float:
    return (item["forward_ms"][operation] + item["backward_ms"][operation]) / item["step_ms"]


def spread(values: Sequence[float], form: str) -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def record(width: str, cells: Cells, settings: argparse.Namespace) -> None:
    """Writes what the page shows on arrival."""
    items = [
        sorted(measured, key=lambda item: item["step_ms"])[len(measured) // 2]
        for measured in cells.values()
    ]
    name = recorded_as(width)
    recording = {
        "name": name,
        "made": datetime.date.today().isoformat(),
        "conditions": {
            "device": "cpu",
            "cpu": processor(),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "seeds": settings.seeds,
            "command": f"python -m benchmarks.costs --seeds {settings.seeds} --record FOLDER",
        },
        "config": job(width).config.to_json(),
        "items": rounded(items),
    }
    path = settings.record / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dumps(recording), encoding="utf-8")
    print(path)


if __name__ == "__main__":
    main()
