"""What daprd makes of the components of a run, told before it starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from outboard.errors import ResourceError
from outboard.resources.component import Component
from outboard.resources.loader import load_resources
from outboard.run.plan.plan import AppPlan, RunPlan
from outboard.sidecar.process.options_reader import parse
from outboard.sidecar.runtime.options import Options

__all__ = ["check_components", "resource_options"]

OWN_TYPES: Final = frozenset({"pubsub.sqlite"})
"""Component types of Outboard's sidecar alone."""
IN_MEMORY: Final = frozenset({"pubsub.in-memory", "state.in-memory"})
SWAP: Final = "swap the components: `--resources FOLDER`, with pubsub.kafka or pubsub.redis in it"


def check_components(plan: RunPlan) -> list[str]:
    """Sentences about the components that will not be as a person expects.

    Raises ResourceError for one that daprd does not have, and for a file that cannot be read: daprd would
    only warn of that, and go on without it. CommandError where a folder cannot be read.
    """
    used = {app.app_id: _components(app) for app in plan.apps}
    for component in _all(used.values()):
        if component.type.lower() in OWN_TYPES:
            problem = (
                f"daprd does not have {component.type}, the type of component '{component.name}': it is "
                "Outboard's own"
            )
            advice = f"Run without `--engine daprd`, or {SWAP}."
            raise ResourceError(str(component.path), component.line, problem, advice)
    return [_not_shared(declaration, apps) for declaration, apps in _in_memory(used).items() if len(apps) > 1]


def _components(app: AppPlan) -> tuple[Component, ...]:
    """Those that the sidecar of `app` loads."""
    options = resource_options(app)
    return load_resources(options.resources_paths, options.app_id, options.namespace).components


def resource_options(app: AppPlan) -> Options:
    """As much of the options of its sidecar as says which resources it loads."""
    return parse(_paths_of(app), app.full_environment)


def _paths_of(app: AppPlan) -> tuple[str, ...]:
    """The part of the command line that says what is loaded."""
    pairs = zip(app.sidecar, app.sidecar[1:], strict=False)
    wanted = ("--app-id", "--resources-path")
    return tuple(part for flag, value in pairs if flag in wanted for part in (flag, value))


def _all(used: Iterable[tuple[Component, ...]]) -> Iterable[Component]:
    return (component for components in used for component in components)


Declaration: TypeAlias = tuple[Path, int, str]
"""Where a component is written (file and line), and its type."""


def _in_memory(used: Mapping[str, tuple[Component, ...]]) -> dict[Declaration, list[str]]:
    """The in-memory components, by where they are written, and the apps that load each."""
    found: dict[Declaration, list[str]] = {}
    for app_id, components in used.items():
        for each in components:
            if each.type.lower() in IN_MEMORY:
                found.setdefault((each.path, each.line, each.type), []).append(app_id)
    return found


def _not_shared(declaration: Declaration, apps: list[str]) -> str:
    path, line, type_name = declaration
    return (
        f"{path}:{line}: each daprd has a {type_name} of its own, so {' and '.join(apps)} do not see what "
        f"the others put into it. To share it, {SWAP}"
    )
