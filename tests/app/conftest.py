"""What the tests of pages share."""

from __future__ import annotations

import pytest

from tests.app.scripted_compute import ScriptedCompute


@pytest.fixture
def compute(monkeypatch) -> ScriptedCompute:
    """In the place of the workers: it does what a test tells it to."""
    fake = ScriptedCompute()
    monkeypatch.setattr("app.compute.get_compute", lambda workers=None: fake)
    return fake
