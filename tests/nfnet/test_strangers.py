"""Pictures by name: each is what it is called, at every call, and nothing else is drawn."""

import subprocess
import sys

import numpy as np
import pytest

from nfnet import strangers
from nfnet.drawings import SAMPLES
from nfnet.run import UserError
from nfnet.strangers import COLOURS, FIGURES, draw_company, first_company, is_known, picture, spoken


def test_a_picture_is_the_same_at_every_call() -> None:
    for name in ("goldfish", "figure-7", "noise-3", "red"):
        once = np.asarray(picture(name)).copy()
        picture.cache_clear()
        assert np.array_equal(once, np.asarray(picture(name))), name
    assert np.asarray(picture("red"))[5, 5].tolist() == list(COLOURS["red"])


def test_numbers_make_other_pictures() -> None:
    seen = {picture(f"{kind}-{n}").tobytes() for kind in ("figure", "noise") for n in range(30)}
    assert len(seen) == 60


def test_the_figures_are_those_they_are_called() -> None:
    """A disc covers pi r^2 and a square 4 r^2; a ring has a hole, stripes cross the picture."""
    for number, figure in enumerate(FIGURES):
        pixels = np.asarray(picture(f"figure-{number}"), float)
        ground = np.median(pixels[0], axis=0) if figure != "stripes" else pixels[0, 20]
        bright = np.abs(pixels - ground).sum(2) > 60
        rows, columns = np.flatnonzero(bright.any(1)), np.flatnonzero(bright.any(0))
        box = (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
        share = {"disc": np.pi / 4, "square": 1.0, "triangle": 0.5, "cross": 0.51}.get(figure)
        if share:
            assert bright.sum() / box == pytest.approx(share, abs=0.04), figure
        if figure == "ring":
            middle = (rows[0] + rows[-1]) // 2, (columns[0] + columns[-1]) // 2
            assert not bright[middle] and bright.sum() / box < np.pi / 4
        if figure == "stripes":
            assert (bright == bright[:1]).all() and bright.any() and not bright.all()


@pytest.mark.parametrize(
    "name", ["", "noise", "noise-1000", "noise--1", "noise-01", "figure-x", "noise-1\n", 3, None]
)
def test_what_is_not_a_name_is_refused(name) -> None:
    assert not is_known(name)
    with pytest.raises(UserError, match="there is no picture called"):
        picture(name)


@pytest.mark.parametrize("own", [*SAMPLES, ""])
@pytest.mark.parametrize("others", [0, 1, 7, 127])
def test_the_first_company_has_strangers_only(own, others) -> None:
    company = first_company(own, others)
    assert len(company) == len(set(company)) == others
    assert own not in company and all(map(is_known, company))


def test_companies_are_drawn_by_lot() -> None:
    one, again, other = (draw_company(127, seed) for seed in (1, 1, 2))
    assert one == again != other
    assert len(set(one)) == 127 and all(map(is_known, one))
    assert "goldfish" not in draw_company(160, 3, among=("goldfish",))


def test_names_are_spoken() -> None:
    assert spoken("school-bus") == "school bus"
    assert spoken("figure-3") == "ring 3" and spoken("noise-12") == "noise 12"
    assert spoken(strangers.COPY) == "a copy"


def test_drawing_loads_no_torch() -> None:
    code = (
        "import sys, nfnet.strangers as s; s.picture('figure-1'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
