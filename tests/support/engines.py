"""Fixtures for the real engines that `python3 dev.py engines` sets up.

A test names what it needs, by a fixture or by `@pytest.mark.engine("postgresql")`. Where that engine is not
set up the test is skipped; with OUTBOARD_REQUIRE_ENGINES=1, as in CI, it fails, so that nothing is skipped
unseen.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from engines.record import read_record
from support.postgresql import Server, database, running_server

CHROMIUM_ARGUMENTS = (
    "--no-sandbox",  # as root, as in a container, Chromium does not start with it
    "--disable-quic",
    "--disable-component-update",
    "--disable-sync",
)


def place_of(engine: str, root: Path, required: bool) -> Path:
    """Where `engine` is set up; without it the test is skipped, or fails if engines are `required`."""
    place = read_record(root).get(engine)
    if place is not None:
        return place
    message = f"{engine} is not set up: python3 dev.py engines {engine}"
    if required:
        pytest.fail(f"{message} (OUTBOARD_REQUIRE_ENGINES is set)", pytrace=False)
    pytest.skip(message)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """See to the engines that the test's markers name."""
    for marker in item.iter_markers("engine"):
        for name in marker.args:
            engine(name, item.config)


def engine(name: str, config: pytest.Config) -> Path:
    """Where the engine `name` is set up on this machine, for a fixture or test of that `config`."""
    return place_of(name, config.rootpath, required=os.environ.get("OUTBOARD_REQUIRE_ENGINES") == "1")


@pytest.fixture(scope="session")
def postgresql_server(pytestconfig: pytest.Config) -> Iterator[Server]:
    """A PostgreSQL server of this test run, on a free port of loopback, its data in a temporary folder."""
    with running_server(engine("postgresql", pytestconfig)) as server:
        yield server


@pytest.fixture
def postgresql_url(postgresql_server: Server) -> Iterator[str]:
    """The SQLAlchemy URL (`postgresql+psycopg://…`) of an empty database of this test's own."""
    with database(postgresql_server) as url:
        yield url


@pytest.fixture(scope="session")
def daprd(pytestconfig: pytest.Config) -> Path:
    """The executable of Dapr's own sidecar."""
    return engine("daprd", pytestconfig)


@pytest.fixture(scope="session")
def chromium(pytestconfig: pytest.Config) -> Path:
    """The executable of a browser for Playwright's `chromium.launch(executable_path=…)`."""
    return engine("chromium", pytestconfig)


@pytest.fixture
def browser(chromium: Path) -> Iterator[Browser]:
    """A headless browser that is closed after the test; for tests that are not coroutines themselves."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=[*CHROMIUM_ARGUMENTS])
        yield launched
        launched.close()
