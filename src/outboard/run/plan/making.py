"""From what the author wrote to what is started: every port, command line and variable decided."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from outboard.errors import CommandError
from outboard.host.ports import Ports
from outboard.run.plan.app_variables import app_variables, inherited_variables
from outboard.run.plan.daprd import DaprdProgram
from outboard.run.plan.interpreter import Interpreter
from outboard.run.plan.plan import AppPlan, ChosenApps, RunOptions, RunPlan
from outboard.run.plan.port_assignment import (
    EarlierPorts,
    port_in,
    ports_in_arguments,
    shared_app_ports,
    with_ports,
)
from outboard.run.plan.settings import APP_PORT, GRPC_PORT, HEALTH_CHECK, HTTP_PORT, RESOURCES_PATH, Value
from outboard.run.plan.sidecar_program import OutboardProgram, SidecarProgram
from outboard.run.plan.template import AppSpec
from outboard.run.plan.tokens import API_TOKEN, MakeToken, TokenUse, made_tokens

__all__ = ["make_plan"]


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
    inherited = inherited_variables(environment)
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
    variables = app_variables(spec.app_id, settings, inherited)
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
