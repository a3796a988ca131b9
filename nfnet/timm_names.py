"""The names and shapes under which timm's files keep the parameters of an NFNet-F.

They are the official weights by other names: stages and blocks are counted separately, gains are
(C, 1, 1, 1) and the linear layers of squeeze-excite are 1x1 convolutions. Imports no torch.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

_BLOCK = {
    "": "",
    "conv0.": "conv1.",
    "conv1.": "conv2.",
    "conv1b.": "conv2b.",
    "conv2.": "conv3.",
    "conv_shortcut.": "downsample.conv.",
    "squeeze_excite.linear0.": "attn_last.fc1.",
    "squeeze_excite.linear1.": "attn_last.fc2.",
}


def timm_name(parameter: str, depths: Sequence[int]) -> str | None:
    """Where timm keeps one of our parameters; None if its nets have no such thing.

    >>> timm_name("blocks.3.conv0.weight", depths=(1, 2, 6, 3))
    'stages.2.0.conv1.weight'
    """
    module, leaf = re.fullmatch(r"(.*?)(\w+)", parameter).groups()
    if match := re.fullmatch(r"stem\.(\d+)\.", module):
        return f"stem.conv{int(match[1]) + 1}.{leaf}"
    if match := re.fullmatch(r"blocks\.(\d+)\.(.*)", module):
        part = _BLOCK.get(match[2])
        if part is None:
            return None
        stage, index = _place(int(match[1]), depths)
        leaf = "skipinit_gain" if leaf == "skip_gain" else leaf
        return f"stages.{stage}.{index}.{part}{leaf}"
    whole = {"final_conv.": "final_conv.", "classifier.": "head.fc."}
    return whole[module] + leaf if module in whole else None


def timm_shape(parameter: str, shape: Sequence[int]) -> tuple[int, ...]:
    """The shape that timm gives to one of our parameters."""
    if parameter.endswith(".gain"):
        return (*shape, 1, 1, 1)
    if re.search(r"squeeze_excite\.linear\d\.weight$", parameter):
        return (*shape, 1, 1)
    return tuple(shape)


def _place(block: int, depths: Sequence[int]) -> tuple[int, int]:
    """(stage, index within it) of a block counted through the net."""
    starts = [0, *itertools.accumulate(depths)]
    stage = max(n for n, start in enumerate(starts[:-1]) if start <= block)
    return stage, block - starts[stage]
