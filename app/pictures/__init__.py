"""The pictures of the deck, drawn by code. `python -m app.pictures` writes them to slides/assets/.

A picture is a function of its numbers, which come from the library where the library has them, and
returns the text of an SVG file.
"""

from __future__ import annotations

from collections.abc import Callable

from app.pictures.blocks import nfnet_block, residual_block
from app.pictures.clipping import agc_vector
from app.pictures.nets import stages, three_nets
from app.pictures.normalizing import bn_batch, memory_traffic
from app.pictures.weights import mean_shift, ws_filter

# name of the file without its ending: what draws it
PICTURES: dict[str, Callable[[], str]] = {
    "agc-vector": agc_vector,
    "bn-batch": bn_batch,
    "mean-shift": mean_shift,
    "memory-traffic": memory_traffic,
    "nfnet-block": nfnet_block,
    "residual-block": residual_block,
    "stages": stages,
    "three-nets": three_nets,
    "ws-filter": ws_filter,
}
