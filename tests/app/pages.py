"""Opens a page of the app as a viewer does who follows a link."""

from __future__ import annotations

from pathlib import Path

from streamlit.testing.v1 import AppTest

MAIN = Path(__file__).resolve().parents[2] / "app" / "main.py"


def opened(view: str, **address: str) -> AppTest:
    """The page of app/views/VIEW.py, run once with these settings in its address."""
    at = AppTest.from_file(str(MAIN), default_timeout=60)
    for name, value in address.items():
        at.query_params[name] = value
    at.switch_page(f"views/{view}.py").run()
    assert not at.exception
    return at
