"""`python -m app.pictures` draws every picture of the deck into slides/assets/."""

from __future__ import annotations

from pathlib import Path

from app.pictures import PICTURES

ASSETS = Path(__file__).parents[2] / "slides" / "assets"


def main(folder: Path = ASSETS) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in PICTURES.items():
        (folder / f"{name}.svg").write_text(draw(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
