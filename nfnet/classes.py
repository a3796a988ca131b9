"""The 1000 classes of ImageNet (ILSVRC 2012), in the order that published weights answer in.

`imagenet_classes.tsv` holds a line a class: WordNet's name of the concept ("n01440764") and a short
English label, from a list in the public domain. Imports no torch.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def imagenet_classes() -> tuple[tuple[str, str], ...]:
    """(WordNet's name, label) of each class, by index."""
    lines = Path(__file__).with_name("imagenet_classes.tsv").read_text(encoding="utf-8")
    return tuple(tuple(line.split("\t")) for line in lines.splitlines())
