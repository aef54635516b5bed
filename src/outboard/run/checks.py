"""What the sidecars of a run would say of their files, found before anything is started.

Only files are read, those of local secret stores among them: nothing is connected to.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from outboard.errors import CommandError, OutboardError, ResourceError, ResourcesInvalid
from outboard.host.event_loop import new_event_loop
from outboard.resources.configuration_reader import read_configuration
from outboard.resources.finding import Finding
from outboard.resources.loader import read_resources
from outboard.run.plan.app_finding import AppFinding
from outboard.run.plan.daprd_components import resource_options
from outboard.run.plan.plan import AppPlan, RunPlan
from outboard.run.service import launch
from outboard.sidecar.components.checking import check_components
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.process.options_reader import parse
from outboard.sidecar.runtime.options import Options

__all__ = ["check", "refuse_warnings"]


def check(plan: RunPlan) -> list[AppFinding]:
    """All findings about a run, each once. Raises nothing for a mistake of a person's."""
    found: dict[Finding, list[str]] = {finding: [] for finding in plan.findings}
    for app in plan.apps:
        for finding in _of_app(app, daprd=plan.daprd is not None):
            found.setdefault(finding, []).append(app.app_id)
    return [AppFinding(finding, tuple(dict.fromkeys(apps))) for finding, apps in found.items()]


def refuse_warnings(found: Iterable[AppFinding]) -> None:
    """Raise ResourceError for the one of `found`, ResourcesInvalid for several."""
    errors = [
        ResourceError(each.finding.file, each.finding.line, each.finding.problem, each.finding.advice)
        for each in found
    ]
    if errors:
        raise ResourcesInvalid.of(errors)


def _of_app(app: AppPlan, *, daprd: bool) -> Iterable[Finding]:
    try:
        if app.started_here:
            launch(app)
        yield from _of_sidecar(app, daprd=daprd)
    except ResourcesInvalid as several:
        for error in several.errors:
            yield _finding(app, error)
    except OutboardError as error:
        yield _finding(app, error)


def _of_sidecar(app: AppPlan, *, daprd: bool) -> Iterable[Finding]:
    """daprd has its own opinion of flags and of what a component needs: of these it tells itself."""
    environment = app.full_environment
    options = resource_options(app) if daprd else parse(app.sidecar, environment)
    options = replace(options, directory=app.directory)
    configuration = read_configuration(options.config_paths, environment)
    resources = read_resources(options.resources_paths, options.app_id, options.namespace)
    yield from (*configuration.findings, *resources.findings)
    if not daprd:
        allowed = [
            each for each in resources.components if configuration.allows_component(each.type, each.version)
        ]
        with _silent(), asyncio.Runner(loop_factory=new_event_loop) as runner:
            yield from runner.run(check_components(allowed, _context(options, environment)))


@contextmanager
def _silent() -> Iterator[None]:
    """What is logged when a secret store is opened is among the findings, and the sidecar says it again."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _context(options: Options, environment: Mapping[str, str]) -> ComponentContext:
    pod_name = environment.get("POD_NAME", "")
    return ComponentContext(
        options.app_id, options.runtime_namespace, pod_name, environment, directory=options.directory
    )


def _finding(app: AppPlan, error: OutboardError) -> Finding:
    match error:
        case ResourceError():
            return Finding.of(error)
        case CommandError():
            return Finding(app.origin, 0, error.problem, error.advice, "error")
        case _:
            return Finding(app.origin, 0, str(error), severity="error")
