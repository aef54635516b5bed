from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings

from simulation.seeds import told

settings.register_profile(
    "any machine", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")
"""How long an example takes says something of the machine, and of what else it does."""

os.environ.setdefault("OUTBOARD_RUN_DASHBOARD", "false")
"""A run of a test has no dashboard, which is a program more, unless the test asks for it."""

pytest_plugins = ["pytester", "support.engines"]


def pytest_report_header() -> str:
    return told()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path is short enough for Unix sockets, which that of `tmp_path` may not be."""
    with TemporaryDirectory(prefix="ob-") as folder:
        yield Path(folder).resolve()
