"""What an app and its sidecar are told through their environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from outboard.hops.files.recording import HOPS_DATA, HOPS_FOLDER
from outboard.run.plan.plan import AppPlan, RunPlan
from outboard.run.plan.port_assignment import port_in
from outboard.run.plan.settings import APP_PORT, APP_PROTOCOL, GRPC_PORT, HTTP_PORT, METRICS_PORT, Value
from outboard.runs.spans import SpanDestination, exports_to_nobody

__all__ = ["app_variables", "exporting", "inherited_variables", "with_hops", "with_spans"]

ELSEWHERE: Final = ("DAPR_HTTP_ENDPOINT", "DAPR_GRPC_ENDPOINT")
"""Inherited, these would lead an app to another sidecar than its own."""


def inherited_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Those of `environment` that an app gets, too."""
    return {name: value for name, value in environment.items() if name not in ELSEWHERE}


def app_variables(app_id: str, settings: Mapping[str, Value], inherited: Mapping[str, str]) -> dict[str, str]:
    """What `dapr run` tells an app, and that Python writes its output at once and in UTF-8.

    Spans of an app are told by its id, and those of a handler continue its event's trace, unless the
    environment says otherwise.
    """
    variables = {
        "APP_ID": app_id,
        "APP_PROTOCOL": str(settings.get(APP_PROTOCOL, "http")),
        "DAPR_HTTP_PORT": str(settings[HTTP_PORT]),
        "DAPR_GRPC_PORT": str(settings[GRPC_PORT]),
    }
    for name, flag in (("APP_PORT", APP_PORT), ("DAPR_METRICS_PORT", METRICS_PORT)):
        if port := port_in(settings, flag):
            variables[name] = str(port)
    telemetry = {"OTEL_SERVICE_NAME": app_id, "OUTBOARD_CONTINUE_TRACES": "true"}
    variables |= {name: value for name, value in telemetry.items() if name not in inherited}
    return {**variables, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}


def with_hops(plan: RunPlan, folder: Path | None) -> RunPlan:
    """`plan`, in which apps and sidecars record the hops of their events in `folder`.

    What an app's environment says of it already counts for more. None: nothing is recorded here.
    """
    if folder is None:
        return plan
    told = {HOPS_FOLDER: str(folder), HOPS_DATA: "true"}
    apps = (replace(app, variables={**app.variables, **_unless_inherited(told, app)}) for app in plan.apps)
    return replace(plan, apps=tuple(apps))


def exporting(plan: RunPlan) -> list[str]:
    """The apps whose environment asks for spans to be sent by OTLP, and does not say where to."""
    return [app.app_id for app in plan.apps if exports_to_nobody({**app.inherited, **app.own_variables})]


def with_spans(plan: RunPlan, destination: SpanDestination | None) -> RunPlan:
    """`plan`, in which these apps send their spans to `destination`. Whether one does, its author says: no
    other app is told of it.
    """
    if destination is None:
        return plan
    told, names = destination.variables, exporting(plan)
    apps = (replace(app, span_variables=told) if app.app_id in names else app for app in plan.apps)
    return replace(plan, apps=tuple(apps))


def _unless_inherited(variables: Mapping[str, str], app: AppPlan) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name not in app.inherited}
