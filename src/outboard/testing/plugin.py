"""The pytest plugin: the fixture `outboard`, a `Harness` with the real sidecar inside the test process.

    [tool.pytest.ini_options]
    outboard_run_file = "../dapr.yaml"
    outboard_resources = ["components"]

The first names the project's run file, the nearest dapr.yaml above the test unless it is given; empty there
is none. Its apps have their ids and components in tests, in memory. The second names folders of Dapr resource
files, which then count as they are, without a run file. Paths are relative to the file that says so. Any
runner of asynchronous tests will do: anyio's, pytest-asyncio.

`@pytest.mark.outboard_engines("memory", "sqlite", "daprd")` runs a test once on each of these engines, and
`--outboard-engine=NAME` all tests with the fixture on one.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from outboard.testing.harness import Harness
    from outboard.testing.project import Project

__all__ = [
    "outboard",
    "outboard_engine",
    "outboard_resources",
    "outboard_run_file",
    "pytest_addoption",
    "pytest_configure",
    "pytest_generate_tests",
    "pytest_load_initial_conftests",
    "pytest_pyfunc_call",
    "pytest_runtest_makereport",
    "pytest_runtest_protocol",
    "pytest_terminal_summary",
]

CHAOS_OPTION: Final = "--outboard-chaos"
ENGINE_OPTION: Final = "--outboard-engine"
ENGINES_MARK: Final = "outboard_engines"
RUN_FILE: Final = "outboard_run_file"
FILE_NAME: Final = "dapr.yaml"
NAMES: Final = ("DAPR_PUBSUB_NAME", "DAPR_STATE_STORE_NAME")
PROJECTS: Final = pytest.StashKey[dict[Path, "Project"]]()
UNMARKED: Final = (
    "{name} is an `async def`, and nothing runs it: mark it, or its module by "
    "`pytestmark = pytest.mark.anyio` (anyio comes with FastAPI; let a fixture `anyio_backend` return "
    "'asyncio'). With pytest-asyncio the mark is `pytest.mark.asyncio`, or none with `asyncio_mode = auto`"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("outboard", "outboard: event-driven FastAPI services on Dapr")
    group.addoption(
        CHAOS_OPTION,
        type=int,
        metavar="SEED",
        help="run each test with the fixture `outboard` once more, with events that come again and in "
        "another order across keys, as SEED (a whole number) decides; the handler that is not idempotent is "
        "named",
    )
    group.addoption(
        ENGINE_OPTION,
        metavar="NAME",
        help="run each test with the fixture `outboard` on this engine: memory (in the test process, the "
        "default), sqlite (the sidecar as a process, and a file), daprd (Dapr's own sidecar); a test that is "
        "marked for others is skipped",
    )
    parser.addini("outboard_resources", "folders of Dapr resource files for the fixture `outboard`", "paths")
    parser.addini(
        RUN_FILE,
        "the project's run file for the fixture `outboard` (the nearest dapr.yaml; empty for none)",
        "string",
        None,
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known. Raises UsageError for an engine that there is not."""
    config.addinivalue_line(
        "markers",
        f"{ENGINES_MARK}(*names): run the test once on each of these engines of the fixture `outboard`: "
        "memory, sqlite, daprd",
    )
    chosen: str | None = config.getoption(ENGINE_OPTION)
    if chosen is None:
        return
    from outboard.testing.plugin_engines import refuse_engines

    refuse_engines(ENGINE_OPTION, [chosen])
    if chosen != "memory" and config.getoption(CHAOS_OPTION) is not None:
        raise pytest.UsageError(f"{CHAOS_OPTION} is for the engine memory: leave {ENGINE_OPTION} out")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A marked test runs once on each of its engines."""
    mark = metafunc.definition.get_closest_marker(ENGINES_MARK)
    if mark is not None and "outboard_engine" in metafunc.fixturenames:
        from outboard.testing.plugin_engines import parametrize

        parametrize(metafunc, mark, metafunc.config.getoption(ENGINE_OPTION))


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Name the components as a run does, before a test imports a board: with what `env` says of all apps."""
    file = _named_run_file(early_config) or early_config.rootpath / FILE_NAME
    if _is_turned_off(early_config) or not file.is_file():
        return
    from outboard.errors import OutboardError
    from outboard.run.plan.template import read_template

    try:
        apps = read_template(file).apps
    except OutboardError:
        return  # each test with the fixture is told
    for name in NAMES:
        values = {spec.environment[name] for spec in apps if name in spec.environment}
        if len(values) == 1:
            os.environ.setdefault(name, values.pop())


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """With `--outboard-chaos`, a test with the fixture is run several times."""
    seed: int | None = item.config.getoption(CHAOS_OPTION)
    if seed is None or "outboard" not in getattr(item, "fixturenames", ()) or not _is_in_memory(item):
        return None
    from outboard.testing.chaos_plugin import run_under_chaos

    run_under_chaos(item, nextitem, seed)
    return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name the handlers that chaos has found."""
    if config.getoption(CHAOS_OPTION) is None:
        return
    from outboard.testing.chaos_plugin import told_at_the_end

    for told in told_at_the_end(config):
        terminalreporter.section("outboard chaos")
        terminalreporter.write_line(told)


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    """Fail an asynchronous test with the fixture that came past everybody who runs such tests."""
    if "outboard" in pyfuncitem.fixturenames and inspect.iscoroutinefunction(pyfuncitem.obj):
        pytest.fail(UNMARKED.format(name=pyfuncitem.name), pytrace=False)


@pytest.fixture
def outboard_resources(request: pytest.FixtureRequest) -> list[Path]:
    """Folders of Dapr resource files. Override it where one module needs others than the ini file says."""
    return list(request.config.getini("outboard_resources"))


@pytest.fixture
def outboard_run_file(request: pytest.FixtureRequest) -> Path | None:
    """The project's run file, if it has one. Override it where one module needs another."""
    if _is_turned_off(request.config):
        return None
    return _named_run_file(request.config) or next(_run_files_above(request), None)


@pytest.fixture
def outboard_engine(request: pytest.FixtureRequest) -> str:
    """The engine of this test: `memory`, `sqlite` or `daprd`. One that is not here skips a marked test."""
    from outboard.testing.plugin_engines import needed_engine

    chosen: str | None = request.config.getoption(ENGINE_OPTION)
    return needed_engine(getattr(request, "param", chosen or "memory"), chosen is not None)


@pytest.fixture
def outboard(
    request: pytest.FixtureRequest,
    outboard_engine: str,
    outboard_resources: list[Path],
    outboard_run_file: Path | None,
) -> Harness:
    """The sidecars of this test. See `outboard.testing.Harness`."""
    from outboard.testing.harness import Harness

    if outboard_resources or outboard_run_file is None:
        harness = Harness(outboard_resources, engine=outboard_engine)
    else:
        project = _project(request.config, outboard_run_file)
        harness = Harness(project=project, engine=outboard_engine)
    if request.config.getoption(CHAOS_OPTION) is not None and outboard_engine == "memory":
        from outboard.testing.chaos_plugin import CHAOS

        harness.chaos = request.node.stash.get(CHAOS, None)
    return harness


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Of a test that failed after its sessions, tell what came of what in them."""
    report = yield
    harness: Harness | None = getattr(item, "funcargs", {}).get("outboard")
    if report.failed and harness is not None:
        told = [each.report() for each in getattr(harness, "sessions", ()) if not each.has_told]
        report.sections += [("outboard session", text) for text in told]
    return report


def _is_in_memory(item: pytest.Item) -> bool:
    """Whether chaos can be done to it."""
    call = getattr(item, "callspec", None)
    return call is None or call.params.get("outboard_engine", "memory") == "memory"


def _is_turned_off(config: pytest.Config) -> bool:
    named: object = config.getini(RUN_FILE)
    return named == ""


def _named_run_file(config: pytest.Config) -> Path | None:
    named = config.getini(RUN_FILE)
    if not named:
        return None
    base = config.rootpath if config.inipath is None else config.inipath.parent
    return Path(base, named)


def _run_files_above(request: pytest.FixtureRequest) -> Iterator[Path]:
    """From the folder of the test up to pytest's rootdir."""
    root = request.config.rootpath
    for folder in request.path.parents:
        if (folder / FILE_NAME).is_file():
            yield folder / FILE_NAME
        if folder == root or root not in folder.parents:
            return


def _project(config: pytest.Config, file: Path) -> Project:
    """Read once in a run of pytest. What is wrong in it is the error of each test that needs it."""
    from outboard.errors import OutboardError
    from outboard.testing.project import Project

    read = config.stash.setdefault(PROJECTS, {})
    if file not in read:
        if not file.exists():
            pytest.fail(f"{RUN_FILE} names {file}, which does not exist", pytrace=False)
        try:
            read[file] = Project.read(file)
        except OutboardError as error:
            pytest.fail(str(error), pytrace=False)
    return read[file]
