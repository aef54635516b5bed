"""A request to stop at any moment of a command, from its first instruction to its last.

The signal comes from within: at the import of a module, at a call, or when the run tells something. So each
moment is met each time.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest

from support.projects import PATIENCE, Project, Run, lives, outboard_program, pids

if sys.platform == "win32":
    SIGNALS = ["SIGINT", "SIGBREAK"]
else:
    SIGNALS = ["SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP"]

PROGRAM = """
import functools, importlib, signal, sys
NUMBER, MOMENT = signal.{number}, {moment!r}
raised = []
signal.signal(NUMBER, {disposition})

def stop():
    raised.append(MOMENT)
    signal.raise_signal(NUMBER)

class AtImport:
    def find_spec(self, name, path=None, target=None):
        if name == MOMENT and not raised:
            stop()

sys.meta_path.insert(0, AtImport())
sys.argv = ["outboard", *{arguments!r}]
from outboard.cli import main

if MOMENT.startswith("event "):
    from outboard.run.output import formats
    tell = formats.JsonLines.__call__

    def tell_and_stop(self, event):
        tell(self, event)
        if formats.EVENT_NAMES[type(event)] == MOMENT[6:] and not raised:
            stop()

    formats.JsonLines.__call__ = tell_and_stop
if MOMENT.startswith("call "):
    _, module, *owner, name = MOMENT.removesuffix(" again").split()
    holder = functools.reduce(getattr, owner, importlib.import_module(module))
    called, before = getattr(holder, name), [""] if MOMENT.endswith(" again") else []

    def stop_and_call(*arguments, **keywords):
        if before:
            before.pop()
        elif not raised:
            stop()
        return called(*arguments, **keywords)

    setattr(holder, name, stop_and_call)
main()
"""
IMPORTS = [
    "outboard.cli.application",
    "typer",
    "outboard.cli.run",
    "outboard.run.plan.plan",
    "outboard.run.main",
    "asyncio",
    "psutil",
]
CALLS = [
    "outboard.run.main run_plan",
    "outboard.run.supervisor SidecarLogs",
    "outboard.run.supervisor on_stop_request",
    "asyncio Runner close",
    "asyncio Runner close again",
]
"""The first event loop is that of the check of components, the second that of the run."""
EVENTS = ["log", "started", "ready", "stopping", "stopped"]
MOMENTS = [*IMPORTS, *(f"call {name}" for name in CALLS), *(f"event {name}" for name in EVENTS)]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def program(number: str, moment: str, *arguments: str, ignored: bool = False) -> str:
    """Whoever starts the tests may ignore the signal, as a shell does for what runs in its background."""
    usual = "signal.default_int_handler" if number == "SIGINT" else "signal.SIG_DFL"
    disposition = "signal.SIG_IGN" if ignored else usual
    return PROGRAM.format(number=number, moment=moment, arguments=list(arguments), disposition=disposition)


@pytest.mark.parametrize(
    "moment", [*IMPORTS, *(f"call {name}" for name in CALLS), *(f"event {name}" for name in EVENTS)]
)
def test_a_run_ends_at_once_and_well_whenever_it_is_asked_to_stop(project: Project, moment: str) -> None:
    project.add("backend", topics="jobs")
    code = program("SIGINT", moment, "run", "-f", str(project.write()), "-o", "json")
    with outboard_program(code, project.folder) as process:
        run = Run(process)
        if moment in {"event stopping", "event stopped", "call asyncio Runner close again"}:
            run.ready()
            assert run.interrupt() == 0
        else:
            assert process.wait(PATIENCE) == 0
        run.seen.extend(run.rest())
        assert run.errors() == ""
    assert not [pid for pid in pids(run) if lives(pid)]


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("moment", ["outboard.run.main", "event started"])
def test_each_request_to_stop_counts_alike(project: Project, number: str, moment: str) -> None:
    project.add("backend")
    code = program(number, moment, "run", "-f", str(project.write()), "-o", "json")
    with outboard_program(code, project.folder) as process:
        run = Run(process)
        assert process.wait(PATIENCE) == 0
        run.seen.extend(run.rest())
        assert run.errors() == ""
    assert not [pid for pid in pids(run) if lives(pid)]


def test_a_late_request_does_not_hide_what_went_wrong(project: Project) -> None:
    project.add("backend").write_text("raise SystemExit(7)", encoding="utf-8")
    code = program("SIGINT", "event stopped", "run", "-f", str(project.write()), "-o", "json")
    with outboard_program(code, project.folder) as process:
        run = Run(process)
        assert process.wait(PATIENCE) == 1
        assert "backend ended with exit code 7" in run.errors()


@pytest.mark.parametrize("moment", ["outboard.cli.sidecar", "asyncio", "outboard.sidecar.process.main"])
def test_a_sidecar_ends_well_whenever_it_is_asked_to_stop(tmp_path: Path, moment: str) -> None:
    code = program("SIGINT", moment, "sidecar", "--app-id", "api")
    with outboard_program(code, tmp_path) as process:
        _, errors = process.communicate(timeout=PATIENCE)
        assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize(
    ("moment", "arguments"),
    [
        ("typer", ["--help"]),
        ("typer", ["run", "--dry-run"]),
        ("outboard.sidecar.process.main", ["sidecar", "--wait"]),  # which reads its flags without typer
        ("typer", ["engines", "status"]),
    ],
)
def test_a_command_with_something_to_finish_says_that_it_was_interrupted(
    tmp_path: Path, moment: str, arguments: list[str]
) -> None:
    with outboard_program(program("SIGINT", moment, *arguments), tmp_path) as process:
        _, errors = process.communicate(timeout=PATIENCE)
        assert (process.returncode, errors) == (128 + signal.SIGINT, "")


@pytest.mark.skipif(sys.platform == "win32", reason="about POSIX signals")
def test_a_terminal_that_closes_does_not_end_what_nohup_started(project: Project) -> None:
    project.add("backend")
    arguments = ("run", "-f", str(project.write()), "-o", "json")
    code = program("SIGHUP", "event started", *arguments, ignored=True)
    with outboard_program(code, project.folder) as process:
        run = Run(process)
        run.ready()
        assert run.interrupt() == 0
    assert json.dumps([event for event in run.seen if event["event"] == "stopping"]) == "[]"
