"""How long the server takes to answer a control of a lab.

    python -m benchmarks.lab_latency [--values 6] [VIEW ...]

Opens every page of `app/main.py` in Streamlit's own AppTest, moves each slider, number, choice and
switch that it finds through some of its values, and takes the processor time of the page's run that
follows: the script, with every figure built, and AppTest's own reading of what was drawn. The real
app runs a fragment where a page has one, which is less; workers compute in processes of their own,
which neither count nor are waited for. The target is 100 ms.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import statistics
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[1]
VIEWS = sorted(path.stem for path in (ROOT / "app" / "views").glob("*.py"))
KINDS = (
    *("slider", "select_slider", "number_input", "selectbox", "radio", "button_group"),
    *("toggle", "checkbox"),
)


def opened(view: str) -> AppTest:
    page = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=120)
    return page.run().switch_page(f"views/{view}.py").run()


def values(control: Any, count: int) -> list[Any]:
    """Some values of a control, at most `count`, its extremes among them, none of which it has.

    Of a choice of one the options' labels; of a choice of several each of them alone, none and all.
    """
    if control.type in ("toggle", "checkbox"):
        return [not control.value]
    if control.type in ("slider", "number_input"):
        low, high = control.min, control.max
        every = [low + (high - low) * k / (count - 1) for k in range(count)]
        return [type(control.value)(value) for value in every if value != control.value]
    if isinstance(control.value, list):
        chosen = list(map(control.format_func, control.value))
        several = [[], list(control.options), *([option] for option in control.options)]
        return [options for options in several if options != chosen][:count]
    now = control.format_func(control.value)
    options = [option for option in control.options if option != now]
    picked = {round(k * (len(options) - 1) / max(1, count - 1)) for k in range(count)}
    return [options[k] for k in sorted(picked)] if options else []


def moves(view: str, count: int) -> Iterator[tuple[str, float]]:
    """Name of a control and processor seconds of the run, for every move."""
    fresh = opened(view)
    for kind in KINDS:
        for number in range(len(fresh.get(kind))):
            page = opened(view)
            for value in values(page.get(kind)[number], count):
                control = page.get(kind)[number].set_value(value)
                began = time.process_time()
                page.run()
                yield control.label or control.key, time.process_time() - began
                if page.exception:
                    raise SystemExit(f"{view}: {page.exception[0].message}")
                if number >= len(page.get(kind)):
                    break


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--values", type=int, default=6, help="of each control")
    parser.add_argument("views", nargs="*", default=VIEWS)
    options = parser.parse_args(arguments)
    logging.disable(logging.WARNING)  # AppTest warns of itself
    load = ", ".join(f"{load:.2f}" for load in os.getloadavg())
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"streamlit {version('streamlit')}; load average {load}"
    )
    print(f"{'page':16}{'controls':>9}{'moves':>7}{'median':>8}{'p95':>7}{'max':>7} ms  slowest")
    for view in options.views:
        timed = list(moves(view, options.values))
        if not timed:
            continue
        ms = [1e3 * seconds for _, seconds in timed]
        p95 = statistics.quantiles(ms, n=20, method="inclusive")[-1] if len(ms) > 1 else ms[0]
        slowest = max(timed, key=lambda move: move[1])[0]
        print(
            f"{view:16}{len({name for name, _ in timed}):9}{len(ms):7}{statistics.median(ms):8.0f}"
            f"{p95:7.0f}{max(ms):7.0f}     {slowest}",
            flush=True,
        )


if __name__ == "__main__":
    main()
