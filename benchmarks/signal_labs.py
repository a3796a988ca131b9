"""What the pages Signal propagation and Weight standardization say, measured over seeds.

    python -m benchmarks.signal_labs propagation   # measured variance against the computed curve
    python -m benchmarks.signal_labs turns         # right angles, and what AGC caps

One thread on the CPU, five seeds; prints Markdown tables for LOG.md.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import replace

import numpy as np
import torch

from app.demos.propagation_settings import RECORDED, WIDTHS, Setting, left_out
from app.demos.turn_figures import gathered
from app.demos.turn_settings import job
from nfnet.formulas import turn_limit
from nfnet.propagation import propagate
from nfnet.turns import turns

SEEDS = range(5)
WATCHED = (1, 5, 10, 20, 30)  # steps of 100
CASES: dict[str, Setting] = {
    **{n: s for n, s in RECORDED.items() if s.images == "noise" and s.blocks == 12},
    "gelu-without-ws": replace(left_out("ws"), activation="gelu"),
    "skip-gain-0.25-alpha-1": replace(left_out("alpha"), gain="0.25"),
}
TRAININGS = {
    "AGC .01, no momentum, no decay": job("0.01", "1", "0"),
    "AGC .01, momentum .9": job("0.01", "1", "0.9"),
    "no clipping, momentum .9": job("off", "1", "0.9"),
    "AGC .01, momentum .9, without WS": job("0.01", "1", "0.9", standardized=False),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("what", choices=("propagation", "turns"))
    torch.set_num_threads(1)
    {"propagation": propagation, "turns": turning}[parser.parse_args().what]()


def propagation() -> None:
    """Largest difference over all blocks, of the seeds' median and of single nets."""
    print(
        "| net | width | median of 5, worst block | single net, worst | last block: computed |"
        " measured, 5 seeds | squared mean there |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, case in CASES.items():
        for width in WIDTHS:
            setting = replace(case, width=width)
            computed = np.array([signal.variance for signal in setting.curve()])
            rows = [_rows(replace(setting, seed=seed)) for seed in SEEDS]
            variance = np.array([[row["variance"] for row in net] for net in rows])
            middle = np.abs(np.median(variance, 0) / computed - 1).max()
            single = np.abs(variance / computed - 1).max()
            last = sorted(variance[:, -1])
            mean = statistics.median(net[-1]["squared_mean"] for net in rows)
            print(
                f"| {name} | {width} | {middle:.1%} | {single:.1%} | {computed[-1]:.4g} | "
                f"{last[0]:.4g} … {last[2]:.4g} … {last[-1]:.4g} | {mean:.3g} |",
                flush=True,
            )
    for name in ("shapes", "shapes-pool"):
        rows = [_rows(replace(RECORDED[name], seed=seed)) for seed in SEEDS]
        path = [statistics.median(net[b]["variance"] for net in rows) for b in (3, 4, 7, 8, 11)]
        print(f"| {name} | 32 | blocks 4, 5, 8, 9, 12: {', '.join(f'{v:.3g}' for v in path)} |")


def _rows(setting: Setting) -> list[dict]:
    return list(propagate(setting.config, setting.images, setting.shortcut))


def turning() -> None:
    """Over all filters, watched steps and seeds."""
    print(
        "| training | off a right angle: median, most | turned: median, most | most / limit of one "
        "gradient | most / limit with momentum | steps watched |"
    )
    print("|---|---|---|---|---|---|")
    for name, one in TRAININGS.items():
        config = one.config.replace(device="cpu")
        if "no decay" in name:
            config = config.replace(weight_decay=0.0)
        off, turned, single, summed, count = [], [], [], [], 0
        for seed in SEEDS:
            for item in turns(config.replace(seed=seed), WATCHED):
                count += 1
                off.append(np.abs(gathered(item, "gradient_angle") - 90))
                degrees = gathered(item, "turned")
                turned.append(degrees)
                if config.clipping:
                    single.append(degrees.max() / turn_limit(item["lr"], config.clipping))
                    limit = turn_limit(item["lr"], config.clipping, config.momentum)
                    summed.append(degrees.max() / limit)
        off, turned = np.concatenate(off), np.concatenate(turned)
        shares = [f"{max(s):.4f}" if s else "–" for s in (single, summed)]
        print(
            f"| {name} | {np.median(off):.2g}°, {off.max():.2g}° | {np.median(turned):.2g}°, "
            f"{turned.max():.3g}° | {shares[0]} | {shares[1]} | {count} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
