"""The components: what files declare for an app, and what its sidecar has loaded. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from outboard.doctor import commands
from outboard.doctor.evidence import AppSeen, ComponentMissing, Evidence
from outboard.doctor.results import CheckResult, ManualCommand, Status

__all__ = ["component_files", "component_left_out", "component_loaded", "component_stale", "told_of"]

LINES: Final = 3


def component_files(seen: Evidence) -> Iterator[CheckResult]:
    """A file that cannot be read is only a warning to daprd, which goes on without it."""
    title = "its component files can be read"
    for app in seen.apps:
        errors = [problem for problem, severity in app.file_problems if severity == "error"]
        others = [problem for problem, severity in app.file_problems if severity != "error"]
        status = Status.FAILED if errors else Status.WARNING if others else Status.PASSED
        fix = "Correct the file, and start the sidecar again" if errors or others else ""
        command = commands.same("outboard run --dry-run") if fix else None
        yield CheckResult("component-files", title, app.app_id, status, (*errors, *others), fix, command)


def component_loaded(seen: Evidence) -> Iterator[CheckResult]:
    """Each component that the app should get is there, else a line of its sidecar's log says why not."""
    for app in seen.apps:
        metadata = app.sidecar.metadata
        if metadata is None:
            continue
        absent = [each for each in app.declared if each.name not in metadata.loaded]
        title = "each of its components is loaded"
        if not absent:
            yield CheckResult("component-loaded", title, app.app_id, Status.PASSED)
        for component in absent:
            reasons = [each for each in app.missing if each.name == component.name]
            evidence = [
                f"'{component.name}' ({component.type}) of {component.file}:{component.line} is not among "
                "the components that the sidecar lists",
                *(each.reason for each in reasons),
                *told_of(app, component.name),
            ]
            fix = " ".join(each.advice for each in reasons if each.advice)
            yield CheckResult(
                "component-loaded",
                title,
                app.app_id,
                Status.WARNING if component.ignore_errors else Status.FAILED,
                tuple(evidence),
                fix or "Correct the component, then start the sidecar again",
                _log_command(app, component.name),
            )


def component_left_out(seen: Evidence) -> Iterator[CheckResult]:
    """A component that an app does not get, where that looks like a slip."""
    title = "no component is kept from it by mistake"
    for app in seen.apps:
        slips = [each for each in app.missing if not each.by_design and not _is_declared(app, each)]
        if not slips:
            yield CheckResult("component-left-out", title, app.app_id, Status.PASSED)
        for each in slips:
            evidence = (f"'{each.name}' ({each.type}) of {each.place} is left out: {each.reason}",)
            fix = each.advice or "Correct `scopes` and `namespace` of the component"
            command = commands.same("outboard run --dry-run")
            yield CheckResult("component-left-out", title, app.app_id, Status.WARNING, evidence, fix, command)


def component_stale(seen: Evidence) -> Iterator[CheckResult]:
    """A file that was written after the sidecar had read it."""
    title = "it has read its component files as they are now"
    for app in seen.apps:
        if app.read_at is None:
            continue
        later = [each for each in app.declared if each.changed and each.changed > app.read_at]
        evidence = tuple(f"{each.file} was changed after the sidecar had read it" for each in later)
        status = Status.WARNING if later else Status.PASSED
        fix = "Start `outboard run` anew" if later else ""
        yield CheckResult("component-stale", title, app.app_id, status, evidence, fix)


def told_of(app: AppSeen, name: str) -> list[str]:
    """The last lines of the sidecar's log that complain of `name`."""
    lines = [
        line.message for line in app.log if line.level in {"warn", "error", "fatal"} and name in line.message
    ]
    return [f"its sidecar said: {message}" for message in list(dict.fromkeys(lines))[-LINES:]]


def _is_declared(app: AppSeen, missing: ComponentMissing) -> bool:
    """Then `component-loaded` tells of it."""
    return any(each.name == missing.name for each in app.declared)


def _log_command(app: AppSeen, name: str) -> ManualCommand:
    if app.log_path:
        return commands.grep(name, app.log_path)
    return commands.ask(f"{app.sidecar_address}/v1.0/metadata")
