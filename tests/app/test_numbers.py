"""Numbers on the screen."""

import pytest

from app.numbers import latex, written


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0, 3, "0"),
        (0.0712, 3, "0.0712"),
        (2.30, 3, "2.3"),
        (513.0, 2, "510"),
        (99.96, 3, "100"),
        (4321.4, 3, "4,320"),
        (999_999.0, 3, "1 × 10⁶"),
        (123_456.0, 3, "123,000"),
        (4.3e27, 3, "4.3 × 10²⁷"),
        (0.0001, 3, "0.0001"),
        (0.0000999, 1, "0.0001"),
        (2.48e-6, 2, "2.5 × 10⁻⁶"),
        (-0.5, 3, "-0.5"),
        (float("inf"), 3, "not a number"),
        (float("nan"), 3, "not a number"),
    ],
)
def test_numbers_are_written_as_a_person_writes_them(value, digits, text) -> None:
    assert written(value, digits) == text


def test_numbers_in_formulas() -> None:
    assert latex(2.48e-6) == r"2.48\times 10^{-6}"
    assert latex(4321.4) == "4{,}320" and latex(0.25) == "0.25"
