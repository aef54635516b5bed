"""A plan, told to a person or a machine before anything is started."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from outboard.gojson.values import Json
from outboard.run.plan.app_finding import AppFinding
from outboard.run.plan.plan import AppPlan, RunPlan

__all__ = ["plan_as_json", "plan_as_text"]


def plan_as_json(plan: RunPlan, found: Sequence[AppFinding]) -> Json:
    """The plan as JSON values, and what is `found` in its files.

    Of the variables that the author added only the names are told.
    """
    return {
        "engine": "outboard" if plan.daprd is None else "daprd",
        "daprd": None if plan.daprd is None else str(plan.daprd),
        "apps": [_as_json(app) for app in plan.apps],
        "notes": list(plan.notes),
        "findings": [{**asdict(each.finding), "apps": list(each.apps)} for each in found],
    }


def plan_as_text(plan: RunPlan, found: Sequence[AppFinding]) -> str:
    """The same, for reading."""
    program = "" if plan.daprd is None else shlex.quote(str(plan.daprd))
    lines = [line for app in plan.apps for line in _as_lines(app, program)]
    return "\n".join([*lines, *plan.notes, *map(_as_line, found)])


def _as_line(found: AppFinding) -> str:
    return f"{'error' if found.finding.severity == 'error' else 'caution'}: {found}"


def _as_json(app: AppPlan) -> Json:
    return {
        "app": app.app_id,
        "folder": str(app.directory),
        "command": list(app.command),
        "appPort": app.app_port or None,
        "httpPort": app.http_port,
        "grpcPort": app.grpc_port,
        "sidecar": list(app.sidecar),
        "environment": dict(app.variables),
        "ownEnvironment": [*sorted(app.own_variables)],
        "tokens": [*sorted(app.tokens)],
        "startedBy": _starter(app),
        "reload": app.reload,
        "appLog": app.app_log.value,
        "sidecarLog": app.sidecar_log.value,
    }


def _as_lines(app: AppPlan, program: str) -> Iterator[str]:
    yield app.app_id
    yield f"  folder:      {app.directory}"
    yield f"  command:     {shlex.join(app.command) or '(none: only the sidecar is started)'}"
    yield f"  started by:  {_starter(app)}{', again when a source file changes' if app.reload else ''}"
    yield f"  app port:    {app.app_port or '(not called)'}"
    sidecar = " ".join(filter(None, [program, shlex.join(app.sidecar)]))
    yield f"  sidecar:     http://localhost:{app.http_port}  {sidecar}"
    yield f"  environment: {' '.join(f'{name}={value}' for name, value in app.variables.items())}"
    if app.tokens:
        optional = ", asked of browsers alone" if app.api_token_optional else ""
        yield f"  tokens:      {', '.join(sorted(app.tokens))} (another one at each start{optional})"
    if app.own_variables:
        yield f"               and from {app.origin}: {', '.join(sorted(app.own_variables))}"


def _starter(app: AppPlan) -> str:
    if app.attached:
        return "you"
    return "outboard" if app.command else "nobody"
