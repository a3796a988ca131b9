"""The colours and dashes of the lecture, fixed by meaning: one recipe looks the same everywhere.

Every colour has at least 3:1 contrast with its page (white, or the dark page of
.streamlit/config.toml). The first four stay apart for colour-blind eyes (the Okabe-Ito set) and the
fifth is grey. Colour is never alone: each recipe has a dash pattern too, and charts label
the line's end.
"""

from __future__ import annotations

# recipe: (on the light page, on the dark page)
COLOURS: dict[str, tuple[str, str]] = {
    "batch": ("#0072B2", "#56B4E9"),  # batch normalization: blue
    "nf": ("#D55E00", "#E69F00"),  # normalizer-free, not clipped: vermillion
    "agc": ("#009E73", "#009E73"),  # normalizer-free with adaptive gradient clipping: green
    "none": ("#CC79A7", "#CC79A7"),  # no normalizer at all: pink
    "none_agc": ("#5A6472", "#A3ADBA"),  # no normalizer, adaptive gradient clipping: grey
}

# recipe: lengths of dash, gap, dash, gap ... in pixels; empty is a solid line
DASHES: dict[str, tuple[int, ...]] = {
    "batch": (8, 4),
    "nf": (2, 3),
    "agc": (),
    "none": (10, 3, 2, 3),
    "none_agc": (12, 5),
}

LABELS: dict[str, str] = {
    "batch": "BN",
    "nf": "NF",
    "agc": "NF + AGC",
    "none": "no norm",
    "none_agc": "no norm + AGC",
}

TEXT = ("#1B1F24", "#F2F4F7")
MUTED = ("#5A6472", "#A3ADBA")
PAGE = ("#FFFFFF", "#0E1117")


def recipe_key(norm: str, clipped: bool) -> str:
    """The key of a recipe in the tables above: `norm` as in RunConfig, and whether AGC is on."""
    return {"nf": "agc", "none": "none_agc"}.get(norm, norm) if clipped else norm


def colour(key: str, dark: bool = False) -> str:
    """The recipe's colour as #RRGGBB on the light or the dark page."""
    return COLOURS[key][dark]
