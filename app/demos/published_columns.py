"""The numbers behind a published figure as a table, with words and units over each column."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from app.demos import tables
from app.demos.published_names import DEPTHS, NETS, PIXELS
from app.demos.published_timeline import LANES

NONE = "–"  # not published
# a narrow column breaks its words before these, not within them
TOP1, MS = "top\u20111,\u00a0%", "step,\u00a0ms"
_NET = {
    "model": "Net",
    "family": "Family",
    "flops_b": "Multiply-adds, billions",
    "params_m": "Parameters, millions",
    "top1": TOP1.capitalize(),
}
_RECIPES = {"bn": "BN", "nf": "NF", "nf_agc": "NF + AGC"}

# figure -> column of its tables -> what stands over it; other columns are not shown
COLUMNS: dict[str, dict[str, str]] = {
    "waterfall": {
        "label": "Change, on top of those before",
        **{f"{net.lower()}_top1": f"{net}: {TOP1}" for net in NETS},
        **{f"{net.lower()}_ms": f"{net}: {MS}" for net in NETS},
    },
    "cost": {
        **_NET,
        "top5": "Top-5, %",
        "tpu_ms": "Step on TPUv3, ms",
        "gpu_ms": "Step on a V100, ms",
        "train_px": "Trained at, px",
        "test_px": "Tested at, px",
    },
    "batch-scaling": {
        "batch_size": "Batch size",
        **{
            f"{recipe}_resnet{depth}": f"ResNet-{depth}, {called}: {TOP1}"
            for depth in DEPTHS
            for recipe, called in _RECIPES.items()
        },
    },
    "step-time": {
        "model": "NFNet",
        "nf_ms": "Step with AGC, ms",
        "bn_ms": "Step with BN, ms",
        "bn_longer_percent": "Longer with BN by, %",
        "nf_top1": "Top-1 with AGC, %",
        "bn_top1": "Top-1 with BN, %",
    },
    "bn-share": {"operation": "Operation", "share_percent": "Share of the training time, %"},
    "extra-data": {
        "depth": "Layers of the ResNet",
        **{
            f"{recipe}_{side}px": f"{_RECIPES[recipe]} at {side}\u00a0px: {TOP1}"
            for recipe in ("bn", "nf")
            for side in PIXELS
        },
    },
    "extra-data-cost": {**_NET, "tpu_core_days": "Pre-training, core-days on TPUv3"},
    "nf-resnet": {
        "size": "Size",
        "nf_regnet_top1": f"NF-RegNet: {TOP1}",
        "efficientnet_top1": f"EfficientNet: {TOP1}",
    },
    "small-batches": {
        "images_per_gpu": "Images a GPU",
        "bn_error_percent": "BN: error, %",
        "gn_error_percent": "Group normalization: error, %",
    },
    "after-2021": {
        "date": "Year and month",
        "label": "Name",
        "kind": "Lane",
        "what": "What it is",
        "link": "Where",
    },
}


def numbers(figure: str, rows: Iterable[tables.Row]) -> list[dict[str, str]]:
    """A line for each row, or for each net where tables with other columns speak of the same one.

    Args:
        figure: a key of COLUMNS.
        rows: of the tables that the figure is drawn from.
    """
    joined: dict[object, dict[str, str]] = {}
    for row in rows:
        joined.setdefault(row.get("model", id(row)), {}).update(row)
    columns = {
        column: words
        for column, words in COLUMNS[figure].items()
        if any(column in row for row in joined.values())
    }
    return [
        {words: _cell(column, row.get(column, "")) for column, words in columns.items()}
        for row in joined.values()
    ]


def _cell(column: str, value: str) -> str:
    if column == "kind":
        return LANES[value][0]
    if column == "link":
        return f"[{urlsplit(value).hostname}]({value})"
    return value or NONE
