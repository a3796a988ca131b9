"""Without and with BN, net by net: pre-trained on 300 million images, and NF-RegNets."""

from __future__ import annotations

from app.demos import tables
from app.demos.published_paint import Drawn, Look, figure, legend


def extra_data(look: Look, pixels: str = "384") -> Drawn:
    """Top-1 after pre-training on JFT-300M, NF-ResNets and BN-ResNets by depth.

    Args:
        pixels: side of the images in fine-tuning, 224, 320 or 384.
    """
    rows = tables.load("jft-transfer")
    depths = [f"ResNet-{row['depth']}" if not look.narrow else row["depth"] for row in rows]
    bn = [tables.number(row, f"bn_{pixels}px") for row in rows]
    nf = [tables.number(row, f"nf_{pixels}px") for row in rows]
    traces = _pairs(depths, [("BN", "batch", bn), ("NF", "nf", nf)], look)
    upward = {"title": "ImageNet top-1, %", "dtick": 1, "range": [min(bn) - 1.1, max(nf) + 0.8]}
    across = {"type": "category", "title": "depth of the ResNet" if look.narrow else ""}
    told = "; ".join(
        f"ResNet-{row['depth']}: BN {b:g}, NF {n:g}" for row, b, n in zip(rows, bn, nf, strict=True)
    )
    alt = (
        "ImageNet top-1 in % after pre-training on JFT-300M and fine-tuning at "
        f"{pixels} px. {told}."
    )
    return Drawn(figure(traces, look, 24, across, upward, **legend(look)), alt, rows)


def nf_resnet(look: Look) -> Drawn:
    """NF-RegNets of the first paper beside the EfficientNets of the same multiply-adds."""
    rows = tables.load("nf-regnet")
    sizes = [row["size"] for row in rows]
    bn = [tables.number(row, "efficientnet_top1") for row in rows]
    nf = [tables.number(row, "nf_regnet_top1") for row in rows]
    names = ("EfficientNet", "NF-RegNet")
    traces = _pairs(sizes, [(names[0], "batch", bn), (names[1], "nf", nf)], look)
    upward = {"title": "ImageNet top-1, %", "dtick": 2, "range": [min(nf) - 1.2, max(bn) + 1]}
    told = "; ".join(f"{s}: {b:g} and {n:g}" for s, b, n in zip(sizes, bn, nf, strict=True))
    alt = f"ImageNet top-1 in %, EfficientNet and NF-RegNet of one budget. {told}."
    across = {"type": "category", "title": "size of the net"}
    return Drawn(figure(traces, look, 24, across, upward, **legend(look)), alt, rows)


def _pairs(
    places: list[str], lines: list[tuple[str, str, list[float]]], look: Look
) -> list[dict[str, object]]:
    """Two lines over the same places, every point with its number."""
    styles = {"batch": ("square", "dash"), "nf": ("diamond", "dot")}
    higher = max(lines, key=lambda line: line[2][0])
    traces = []
    for line in lines:
        name, recipe, values = line
        symbol, dash = styles[recipe]
        paint = look.colour(recipe)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers+text",
                "name": name,
                "x": places,
                "y": values,
                "line": {"color": paint, "width": 4, "dash": dash},
                "marker": {"color": paint, "symbol": symbol, "size": 0.8 * look.size},
                "text": [f"<b>{value:.1f}</b>" for value in values],
                "textposition": "top center" if line is higher else "bottom center",
                "textfont": {"color": look.text, "size": look.size},
                "cliponaxis": False,
                "hovertemplate": f"{name}: %{{y}}<extra></extra>",
            }
        )
    return traces
