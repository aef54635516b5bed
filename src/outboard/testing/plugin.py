"""The pytest plugin: the fixture `outboard`, a `Harness` with the real sidecar inside the test process.

    [tool.pytest.ini_options]
    outboard_resources = ["components"]

names folders of Dapr resource files, relative to the file that says so; without it the components are in
memory. Any runner of asynchronous tests will do: anyio's, pytest-asyncio.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from outboard.testing.harness import Harness

__all__ = ["outboard", "outboard_resources", "pytest_addoption", "pytest_pyfunc_call"]

UNMARKED: Final = (
    "{name} is an `async def`, and nothing runs it: mark it, or its module by "
    "`pytestmark = pytest.mark.anyio` (anyio comes with FastAPI; let a fixture `anyio_backend` return "
    "'asyncio'). With pytest-asyncio the mark is `pytest.mark.asyncio`, or none with `asyncio_mode = auto`"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("outboard_resources", "folders of Dapr resource files for the fixture `outboard`", "paths")


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    """Fail an asynchronous test with the fixture that came past everybody who runs such tests."""
    if "outboard" in pyfuncitem.fixturenames and inspect.iscoroutinefunction(pyfuncitem.obj):
        pytest.fail(UNMARKED.format(name=pyfuncitem.name), pytrace=False)


@pytest.fixture
def outboard_resources(request: pytest.FixtureRequest) -> list[Path]:
    """Folders of Dapr resource files. Override it where one module needs others than the ini file says."""
    return list(request.config.getini("outboard_resources"))


@pytest.fixture
def outboard(outboard_resources: list[Path]) -> Harness:
    """The sidecars of this test. See `outboard.testing.Harness`."""
    from outboard.testing.harness import Harness

    return Harness(outboard_resources)
