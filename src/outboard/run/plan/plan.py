"""From what the author wrote to what is started: every port, command line and variable decided."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from outboard.errors import CommandError
from outboard.hops.files.recording import HOPS_DATA, HOPS_FOLDER
from outboard.host.ports import Ports
from outboard.resources.finding import Finding
from outboard.run.plan.daprd import DaprdProgram
from outboard.run.plan.interpreter import Interpreter
from outboard.run.plan.port_assignment import (
    EarlierPorts,
    port_in,
    ports_in_arguments,
    shared_app_ports,
    with_ports,
)
from outboard.run.plan.settings import (
    APP_PORT,
    APP_PROTOCOL,
    GRPC_PORT,
    HEALTH_CHECK,
    HTTP_PORT,
    METRICS_PORT,
    RESOURCES_PATH,
    Value,
)
from outboard.run.plan.sidecar_program import OutboardProgram, SidecarProgram
from outboard.run.plan.template import AppSpec, Destination
from outboard.run.plan.tokens import API_TOKEN, MakeToken, TokenUse, made_tokens

__all__ = ["AppPlan", "ChosenApps", "RunOptions", "RunPlan", "make_plan", "with_hops"]

ELSEWHERE: Final = ("DAPR_HTTP_ENDPOINT", "DAPR_GRPC_ENDPOINT")
"""Inherited, these would lead an app to another sidecar than its own."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line asks of a run: the apps that a debugger starts, and restarts on change.

    `resources` are folders in the place of those that the apps name; empty leaves them these. `daprd` is
    the executable that serves as sidecar; None is Outboard's own, in this process. `tokens` says which are
    made. With `keep_going` an app that fails ends nothing else; with `strict` a warning about a file is an
    error.
    """

    attach: frozenset[str] = frozenset()
    reload: bool = False
    resources: tuple[str, ...] = ()
    daprd: Path | None = None
    tokens: TokenUse = TokenUse.OPTIONAL
    keep_going: bool = False
    strict: bool = False


@dataclass(frozen=True, slots=True)
class ChosenApps:
    """The apps of a run; `notes` say what was decided for a person, `findings` are about their files.

    `run_file` is where they are described; None for one of the command line.
    """

    specs: Sequence[AppSpec]
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    run_file: Path | None = None


@dataclass(frozen=True, slots=True)
class AppPlan:
    """One app and its sidecar.

    `variables` are what Dapr tells an app through its environment, `tokens` those made for this run,
    `own_variables` what its author adds; these two and what is `inherited` may hold secrets and stay out of
    the repr. With `api_token_optional` the sidecar takes calls without a token too, but for those of
    browsers. `app_port` 0: the app is not called. `sidecar` is daprd's command line. An app without a
    `command` is not started here; `attached` says that somebody else starts it, as often as they like. With
    `keep_going` its failure ends nothing else. Nobody chose the `picked_ports`: others would do as well.
    """

    app_id: str
    directory: Path
    command: tuple[str, ...]
    app_port: int
    app_host: str
    http_port: int
    grpc_port: int
    sidecar: tuple[str, ...]
    origin: str
    variables: Mapping[str, str] = field(default_factory=dict)
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    own_variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    inherited: Mapping[str, str] = field(default_factory=dict, repr=False)
    api_token_optional: bool = False
    attached: bool = False
    reload: bool = False
    keep_going: bool = False
    app_log: Destination = Destination.CONSOLE
    sidecar_log: Destination = Destination.CONSOLE
    picked_ports: frozenset[int] = frozenset()

    @property
    def started_here(self) -> bool:
        return bool(self.command) and not self.attached

    @property
    def name(self) -> str:
        """How to call it in a message: with the place where it was written."""
        return f"app '{self.app_id}' ({self.origin})"

    @property
    def may_restart(self) -> bool:
        """Whether the app may go away and come back, so that its events have to wait for it."""
        return self.attached or self.reload

    @property
    def added_environment(self) -> dict[str, str]:
        """The variables that whoever starts the app has to add."""
        return {**self.variables, **self.tokens, **self.own_variables}

    @property
    def full_environment(self) -> dict[str, str]:
        """All the variables of the app's process, and of its sidecar."""
        return {**self.inherited, **self.added_environment}


@dataclass(frozen=True, slots=True)
class RunPlan:
    """`daprd` is the sidecars' executable; None where they are Outboard's own.

    `notes` say what was decided for a person, `findings` what they should know of the run file, which is
    None for an app of the command line. With `strict` no warning about a file is passed over.
    """

    apps: tuple[AppPlan, ...]
    daprd: Path | None = None
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    strict: bool = False
    run_file: Path | None = None

    def app(self, app_id: str) -> AppPlan | None:
        """None where no app is called so."""
        return next((app for app in self.apps if app.app_id == app_id), None)


def make_plan(
    chosen: ChosenApps,
    options: RunOptions,
    ports: Ports,
    interpreter: Interpreter,
    environment: Mapping[str, str],
    make_token: MakeToken,
    earlier: RunPlan | None = None,
    lost_ports: frozenset[int] = frozenset(),
) -> RunPlan:
    """Decide everything about a run of `chosen` under `options`; `environment` is this process's.

    `make_token` gives another secret text each time. A run that goes on keeps what it can of the `earlier`
    plan: tokens, and ports that nobody chose, but for `lost_ports`, which somebody else has.

    Raises PortTaken for a port that somebody has, with their name, and CommandError for `--attach` of an
    unknown app; where `options` are strict ResourceError, or ResourcesInvalid, for what is else a warning.
    """
    specs = chosen.specs
    _check_attached(specs, options)
    inherited = {name: value for name, value in environment.items() if name not in ELSEWHERE}
    adapted = [_with_resources(_for_restarts(spec, options), options) for spec in specs]
    program: SidecarProgram = OutboardProgram() if options.daprd is None else DaprdProgram()
    before = {app.app_id: app for app in earlier.apps} if earlier else {}
    had = {app_id: ports_in_arguments(app.sidecar) for app_id, app in before.items()}
    settings = with_ports(adapted, options.attach, program, ports, EarlierPorts(had, lost_ports))
    return RunPlan(
        tuple(
            _with_tokens_of(
                before.get(spec.app_id),
                _app(spec, values, options, program, interpreter, inherited, make_token),
            )
            for spec, values in zip(adapted, settings, strict=True)
        ),
        options.daprd,
        (*chosen.notes, *map(_shared_port, shared_app_ports(specs).items())),
        chosen.findings,
        options.strict,
        chosen.run_file,
    )


def with_hops(plan: RunPlan, folder: Path | None) -> RunPlan:
    """`plan`, in which apps and sidecars record the hops of their events in `folder`.

    What an app's environment says of it already counts for more. None: nothing is recorded here.
    """
    if folder is None:
        return plan
    told = {HOPS_FOLDER: str(folder), HOPS_DATA: "true"}
    apps = (replace(app, variables={**app.variables, **_unless_inherited(told, app)}) for app in plan.apps)
    return replace(plan, apps=tuple(apps))


def _unless_inherited(variables: Mapping[str, str], app: AppPlan) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name not in app.inherited}


def _shared_port(shared: tuple[int, list[str]]) -> str:
    port, names = shared
    apps = " and ".join(names)
    return f"{apps} have the same app port, {port}: whatever listens there gets the events of each"


def _check_attached(specs: Sequence[AppSpec], options: RunOptions) -> None:
    names = [spec.app_id for spec in specs]
    for name in sorted(options.attach.difference(names)):
        near = difflib.get_close_matches(name, names, n=1)
        advice = f"Did you mean {near[0]}?" if near else f"The apps are: {', '.join(names)}."
        raise CommandError(f"--attach {name}: there is no such app", advice)


def _for_restarts(spec: AppSpec, options: RunOptions) -> AppSpec:
    """Without health checks where the app may stand still: they would end its subscriptions."""
    if not options.reload and spec.app_id not in options.attach:
        return spec
    return replace(spec, settings={k: v for k, v in spec.settings.items() if k != HEALTH_CHECK})


def _with_resources(spec: AppSpec, options: RunOptions) -> AppSpec:
    if not options.resources:
        return spec
    return replace(spec, settings={**spec.settings, RESOURCES_PATH: options.resources})


# One app


def _with_tokens_of(earlier: AppPlan | None, app: AppPlan) -> AppPlan:
    """`app` with the tokens that it has already: whoever was told them goes on."""
    had = earlier.tokens if earlier else {}
    return replace(app, tokens={name: had.get(name, token) for name, token in app.tokens.items()})


def _app(
    spec: AppSpec,
    settings: Mapping[str, Value],
    options: RunOptions,
    program: SidecarProgram,
    interpreter: Interpreter,
    inherited: Mapping[str, str],
    make_token: MakeToken,
) -> AppPlan:
    attached = spec.app_id in options.attach
    variables = _variables(spec.app_id, settings, inherited)
    together = {**inherited, **variables, **spec.environment}
    own_sidecar = options.daprd is None
    tokens = made_tokens(options.tokens, together, make_token, may_be_optional=own_sidecar)
    picked = [
        port_in(settings, flag) for flag in program.first_ports(settings) if not port_in(spec.settings, flag)
    ]
    if "PATH" not in spec.environment:
        inherited = {**inherited, "PATH": interpreter.search_path(together, os.pathsep)}
    return AppPlan(
        app_id=spec.app_id,
        directory=spec.directory,
        command=interpreter.command(spec.command, together),
        app_port=port_in(settings, APP_PORT),
        app_host=str(settings.get("app-channel-address", "127.0.0.1")),
        http_port=port_in(settings, HTTP_PORT),
        grpc_port=port_in(settings, GRPC_PORT),
        sidecar=program.arguments(spec.app_id, settings),
        origin=spec.origin,
        variables=variables,
        tokens=tokens,
        own_variables=spec.environment,
        inherited=inherited,
        api_token_optional=options.tokens is TokenUse.OPTIONAL and API_TOKEN in tokens,
        attached=attached,
        reload=options.reload and bool(spec.command) and not attached,
        keep_going=options.keep_going,
        app_log=spec.app_log,
        sidecar_log=spec.sidecar_log,
        picked_ports=frozenset(picked),
    )


def _variables(app_id: str, settings: Mapping[str, Value], inherited: Mapping[str, str]) -> dict[str, str]:
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
