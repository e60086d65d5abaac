"""The browser that tests drive; without one they are left out, but never in CI."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import ViewportSize

_CHROMIUM = [Path("/usr/bin/chromium"), Path("/usr/bin/chromium-browser")]
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE: ViewportSize = {"width": 390, "height": 844}


def chromium_path() -> str:
    """Where the browser is."""
    for path in _CHROMIUM:
        if path.exists():
            return str(path)
    if os.environ.get("CI") == "true":
        pytest.fail("there is no chromium, and CI must have one: apt-get install chromium")
    pytest.skip("left out: there is no chromium (apt-get install chromium)")
