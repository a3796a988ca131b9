"""Records what the page Batch mates shows on arrival: both nets' answers to its named companies.

    python -m benchmarks.record_labs_mates [--out slides/recorded/mates/companies.json]

One thread on the CPU. Another CPU gives other last digits; NF's differences are zero on each.
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.demos.mates_settings import COMPANIES, OWN, neighbours
from benchmarks.record_runs import OUT, processor, rounded
from nfnet.drawings import SAMPLES


def items() -> Iterator[dict[str, Any]]:
    """One for each company that has a name; for the other drawings, for the first two."""
    from nfnet.mates import items

    for own in SAMPLES:
        for company in COMPANIES if own == OWN else ("first", "swap"):
            seats = neighbours(company, own)
            answers = [rounded(item) for item in items(seats, own)]
            yield {"own": own, "company": seats, "items": answers}


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path, default=OUT / "mates" / "companies.json")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    about = {
        "name": "mates-companies",
        "made": datetime.date.today().isoformat(),
        "conditions": {
            "device": "cpu",
            "cpu": processor(),
            "threads": 1,
            "torch": torch.__version__,
            "command": "python -m benchmarks.record_labs_mates",
        },
    }
    lines = ",\n".join(json.dumps(item, separators=(",", ":")) for item in items())
    head = json.dumps(about, indent=1).removesuffix("\n}")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(f'{head},\n "items": [\n{lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
