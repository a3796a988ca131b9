"""Numbers as a person writes them: 0.071, 2.3, 510, 4,320, 2.5 × 10⁻⁶. One way for all pages.

`written` in components/clip_rule.js is the same for the canvas; a browser test compares the two.
"""

from __future__ import annotations

import math

PLAIN = (1e-4, 1e6)  # written out within; powers of ten beyond
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def written(value: float, digits: int = 3) -> str:
    """`value` rounded to so many significant digits, with commas at thousands."""
    if not math.isfinite(value):
        return "not a number"
    mantissa, exponent = _parts(value, digits)
    if exponent:
        return f"{mantissa} × 10{str(exponent).translate(_RAISED)}"
    return mantissa


def latex(value: float, digits: int = 3) -> str:
    """The same as mathematics; `value` is finite."""
    mantissa, exponent = _parts(value, digits)
    mantissa = mantissa.replace(",", "{,}")
    return rf"{mantissa}\times 10^{{{exponent}}}" if exponent else mantissa


def _parts(value: float, digits: int) -> tuple[str, int]:
    """What is written, and the power of ten that it is multiplied by."""
    if value == 0:
        return "0", 0
    text = f"{value:.{digits - 1}e}"
    mantissa, power = text.split("e")
    rounded, exponent = float(text), int(power)
    if PLAIN[0] <= abs(rounded) < PLAIN[1]:
        return _bare(f"{rounded:,.{max(0, digits - 1 - exponent)}f}"), 0
    return _bare(mantissa), exponent


def _bare(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
