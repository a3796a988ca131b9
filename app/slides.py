"""The deck that is being given: where its files are, and what they say now."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from app.deck.load import ROOT, load_deck
from app.deck.model import Deck
from app.demos import DEMOS


def slides_folder() -> Path:
    """The folder of the slides: this project's, or the one that NFNET_SLIDES names."""
    return Path(os.environ.get("NFNET_SLIDES") or ROOT / "slides")


def read_deck(folder: Path) -> tuple[Deck, int]:
    """The deck, parsed anew whenever a file has changed, and a number that tells its states apart.

    Raises:
        DeckError: the first mistake in a slide.
    """
    files = sorted(folder.rglob("*")) if folder.is_dir() else []
    stats = [(str(file), file.stat()) for file in files if file.is_file()]
    version = tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)
    return _parsed(folder, version), hash(version)


@lru_cache(maxsize=4)
def _parsed(folder: Path, version: tuple[tuple[str, int, int], ...]) -> Deck:
    return load_deck(folder, DEMOS)
