from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings

from simulation.seeds import told
from support.order import longest_first

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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A worker of several takes the modules in this order, with `--no-loadscope-reorder`."""
    if hasattr(config, "workerinput"):
        tests = [(str(item.path), item.get_closest_marker("slow") is not None) for item in items]
        items[:] = [items[place] for place in longest_first(tests)]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path is short enough for Unix sockets, which that of `tmp_path` may not be."""
    with TemporaryDirectory(prefix="ob-") as folder:
        yield Path(folder).resolve()
