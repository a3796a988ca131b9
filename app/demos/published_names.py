"""Names of the published figures and of what can be chosen in them. Imports nothing."""

from __future__ import annotations

NAMES = (
    "waterfall",
    "cost",
    "batch-scaling",
    "step-time",
    "bn-share",
    "extra-data",
    "extra-data-cost",
    "nf-resnet",
    "small-batches",
    "after-2021",
)
NETS = ("F0", "F1", "F2", "F3")  # of the waterfall
AXES = ("step-time", "step-time-gpu", "flops", "parameters", "resolution")  # of the cost
DEPTHS = ("50", "200")  # of batch-scaling
PIXELS = ("224", "320", "384")  # of extra-data
OPTIONS = {"net": NETS, "axis": AXES, "depth": DEPTHS, "pixels": PIXELS}
DEFAULTS = {"net": "F0", "axis": "step-time", "depth": "50", "pixels": "384"}
