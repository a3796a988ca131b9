"""Records the lecture's runs, for the moment before anybody presses Start and for a hall without
a working computer: every preset and the gradients of the Clipping page.

    python -m benchmarks.record_runs [NAME ...] [--out slides/recorded]

One thread on the CPU. The same machine gives the same files again, but for their date; another
CPU gives other digits.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from app.charts import significant
from app.compute.tasks import race
from app.demos import fresh
from app.demos.cold_open import lane
from app.demos.presets import PRESETS
from nfnet.events import Step, event_to_json
from nfnet.run import RunConfig

OUT = Path(__file__).resolve().parents[1] / "slides" / "recorded"
RATIOS_EVERY = 5  # steps; the ratios by layer are most of a recording's size
COLD_OPEN = {"cold-open": None, "cold-open-saved": 0.01}  # name: threshold
# name: the net whose gradients are recorded, after how many steps; the trained one needs NFNET_DATA
GRADIENTS = {
    "gradients": (fresh.CONFIG, fresh.STEPS),
    "gradients-trained": (fresh.TRAINED_CONFIG, (0,)),
}
NAMES = (*COLD_OPEN, *PRESETS, *GRADIENTS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"out of {', '.join(NAMES)}")
    parser.add_argument("--out", type=Path, default=OUT, help="the folder written to")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(NAMES)
    if unknown:
        parser.error(f"unknown run '{min(unknown)}'; choose from {', '.join(NAMES)}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or NAMES:
        path = arguments.out / f"{name}.json"
        path.write_text(dumps(record(name)), encoding="utf-8")
        print(f"{path}: {path.stat().st_size / 1e3:.0f} kB", flush=True)


def record(name: str) -> dict[str, Any]:
    """The recording of this name, as it stands in its file."""
    import torch

    torch.set_num_threads(1)
    about = {
        "name": name,
        "made": datetime.date.today().isoformat(),
        "conditions": {
            "device": "cpu",
            "cpu": processor(),
            "threads": 1,
            "torch": torch.__version__,
            "command": f"python -m benchmarks.record_runs {name}",
        },
    }
    if name in GRADIENTS:
        config, steps = GRADIENTS[name]
        return {**about, "config": config.to_json(), "items": list(gradients(config, steps))}
    lanes = [lane(0, COLD_OPEN[name])] if name in COLD_OPEN else PRESETS[name].lanes
    configs = [net.config for net in lanes]
    return {**about, "configs": [c.to_json() for c in configs], "items": list(items(configs))}


def gradients(config: RunConfig, steps: Sequence[int]) -> Iterator[dict[str, Any]]:
    from nfnet.gradients import gradient_units

    for item in gradient_units(config.replace(device="cpu"), steps):
        yield rounded(item)


def items(configs: list[RunConfig]) -> Iterator[list[Any]]:
    """What a worker would send for this race, without what a recording does not need."""
    from nfnet.training import train

    on_cpu = [config.replace(device="cpu") for config in configs]
    for index, event in race(on_cpu, train, lambda wait: []):
        values = event_to_json(event)
        if isinstance(event, Step):
            shown = event.step == 1 or event.step % RATIOS_EVERY == 0
            if not shown or configs[index].norm != "nf":
                del values["ratios"]
        # not the same twice, and no figure of the machine that shows the recording
        values.pop("images_per_second", None)
        values.pop("seconds", None)
        yield [index, rounded(values)]


def rounded(value: Any) -> Any:
    """`value` with every float at 4 significant digits."""
    if isinstance(value, float):
        return significant(value)
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(inner) for inner in value]
    return value


def dumps(recording: dict[str, Any]) -> str:
    """JSON with one item a line, so that a change can be read in a diff."""
    lines = [json.dumps(item, separators=(",", ":")) for item in recording.pop("items")]
    head = json.dumps(recording, indent=1)
    return head.removesuffix("\n}") + ',\n "items": [\n' + ",\n".join(lines) + "\n]}\n"


def processor() -> str:
    """The CPU's name, as far as the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
