"""Records what the Black box shows before anybody presses: three runs that die, with every step's
ratios, and for one of them its fork: the same run with AGC from some step on.

    python -m benchmarks.record_blackbox [--out slides/recorded/blackbox]

One thread on the CPU, as in benchmarks.record_runs.
"""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.charts import significant
from app.demos.blackbox_runs import CLIPPING, SEED, SEEDS, STEP, lanes, recording
from benchmarks.record_runs import OUT, dumps, processor
from nfnet.events import event_to_json
from nfnet.run import RunConfig


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path, default=OUT, help="the folder of all recordings")
    out = parser.parse_args().out
    torch.set_num_threads(1)
    for seed in SEEDS:
        both = [lane.config for lane in lanes(seed, CLIPPING, STEP)]
        configs = both if seed == SEED else both[:1]
        name = recording(seed)
        values = {
            "name": name,
            "made": datetime.date.today().isoformat(),
            "conditions": {
                "device": "cpu",
                "cpu": processor(),
                "threads": 1,
                "torch": torch.__version__,
                "command": "python -m benchmarks.record_blackbox",
            },
            "configs": [config.to_json() for config in configs],
            "items": list(items(both[1], len(configs))),
        }
        path = out / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dumps(values), encoding="utf-8")
        print(f"{path}: {path.stat().st_size / 1e3:.0f} kB", flush=True)


def items(config: RunConfig, lanes: int) -> Iterator[list[Any]]:
    """What a worker would send for this fork, in three digits; of its first lanes only."""
    from nfnet.forks import fork

    for index, event in fork(config.replace(device="cpu")):
        if index == lanes:
            return
        values = event_to_json(event)
        # no figure of the machine that shows the recording
        values.pop("images_per_second", None)
        values.pop("seconds", None)
        yield [index, rounded(values)]


def rounded(value: Any) -> Any:
    """`value` with every float at 3 significant digits."""
    if isinstance(value, float):
        return significant(value, 3)
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(inner) for inner in value]
    return value


if __name__ == "__main__":
    main()
