"""The resource files of an app: what they declare, what is wrong with them, and what brokers they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from outboard.doctor.evidence import ComponentDeclared, ComponentMissing, SubscriptionSeen
from outboard.doctor.laptop.local_app import LocalApp
from outboard.doctor.reading import seen
from outboard.errors import CommandError
from outboard.resources.component import Component
from outboard.resources.left_out import LeftOut
from outboard.resources.loader import Resources, read_resources
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.metadata.resolution import resolve
from outboard.sidecar.components.opening import open_components
from outboard.sidecar.components.registry import FACTORIES, unavailable_here
from outboard.sidecar.components.unavailable import unavailable
from outboard.sidecar.publishing.scopes import TopicAccess

__all__ = ["FilesSeen", "access_of", "read_files", "resolved"]

NAMESPACE: Final = "NAMESPACE"
POD_NAME: Final = "POD_NAME"
DEFAULT_NAMESPACE: Final = "default"


@dataclass(frozen=True, slots=True)
class FilesSeen:
    """`components` are those that the app should get, as they are written."""

    components: tuple[Component, ...] = ()
    missing: tuple[ComponentMissing, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()
    subscriptions: tuple[SubscriptionSeen, ...] = ()
    context: ComponentContext = field(default_factory=lambda: ComponentContext(""), repr=False)

    def declared(self, wanted: Sequence[SubscriptionSeen], app_id: str) -> tuple[ComponentDeclared, ...]:
        """The components as the evidence has them, with the topics that an app wants of them in vain."""
        return tuple(_declared(each, wanted, app_id) for each in self.components)


def read_files(target: LocalApp, environment: Mapping[str, str]) -> FilesSeen:
    """What the files of an app say; raises nothing for what is wrong in them."""
    app = target.app
    namespace = app.namespace or environment.get(NAMESPACE, "")
    context = ComponentContext(
        app.app_id,
        namespace or DEFAULT_NAMESPACE,
        environment.get(POD_NAME, ""),
        environment,
        directory=Path(app.directory),
    )
    try:
        found = read_resources([Path(path) for path in app.resources_paths], app.app_id, namespace)
    except CommandError as error:
        return FilesSeen(problems=((str(error), "error"),), context=context)
    return FilesSeen(
        found.components,
        _missing(found, target.engine, environment),
        tuple((str(each), each.severity) for each in found.findings),
        tuple(seen(each.subscription, f"{each.path}:{each.line}") for each in found.subscriptions),
        context,
    )


async def resolved(files: FilesSeen, component: Component) -> Properties:
    """The component with its secrets. Raises ComponentInitFailed, ComponentError."""
    stores = [each for each in files.components if each.category == "secretstores"]
    async with AsyncExitStack() as stack:
        up = await stack.enter_async_context(open_components(stores, files.context))
        return await resolve(
            component, files.context, {name: loaded.instance for name, loaded in up.secrets.items()}
        )


def access_of(component: Component, app_id: str) -> TopicAccess:
    """What its scopes let the app do, as far as they are written in plain text."""
    return TopicAccess.of({item.name: item.value or "" for item in component.metadata}, app_id)


def _declared(component: Component, wanted: Sequence[SubscriptionSeen], app_id: str) -> ComponentDeclared:
    access = access_of(component, app_id)
    topics = [each.topic for each in wanted if each.pubsub == component.name]
    try:
        changed = datetime.fromtimestamp(component.path.stat().st_mtime, UTC)
    except OSError:  # gone, or not to be read: the problems say so
        changed = None
    return ComponentDeclared(
        component.name,
        component.type,
        str(component.path),
        component.line,
        changed,
        component.ignore_errors,
        tuple(topic for topic in topics if not access.may_subscribe(topic)),
    )


def _missing(found: Resources, engine: str, environment: Mapping[str, str]) -> tuple[ComponentMissing, ...]:
    if engine == "daprd":  # it serves them all
        every = [*FACTORIES, *(each.type.lower() for each in found.components)]
        out = unavailable(found.components, every)
    else:
        out = unavailable_here(found.components, environment)
    return (
        *(_as_seen(each, by_design="scopes" in each.reason and not _hints(each)) for each in found.left_out),
        *(_as_seen(each, by_design=False) for each in out),
    )


def _as_seen(each: LeftOut, *, by_design: bool) -> ComponentMissing:
    place = f"{each.file}:{each.line}" if each.file else ""
    return ComponentMissing(each.name, each.type, each.reason, each.advice, place, by_design)


def _hints(each: LeftOut) -> bool:
    return "Did you mean" in each.reason
