"""Which logs of `pubsub.sqlite` there are: those that the components of a run's apps name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from outboard.errors import CommandError
from outboard.resources.component import Component
from outboard.resources.loader import load_resources
from outboard.run.plan.default_resources import default_resources
from outboard.run.plan.settings import RESOURCES_PATH
from outboard.run.plan.template import FILE_NAME, AppSpec, read_template
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.resolution import resolve
from outboard.sidecar.components.opening import open_components
from outboard.sidecar.components.sqlite.log.settings import read_settings

__all__ = ["FoundLogs", "KafkaComponent", "LogFile", "Places", "find"]

SQLITE: Final = "pubsub.sqlite"
KAFKA: Final = "pubsub.kafka"
NOBODY: Final = "outboard"
"""In the place of an app id, where none is named."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where a person says that component files are: nowhere, folders, or a run file; or `file`, a log itself.

    Relative paths in component files begin in `folder` where no run file says another.
    """

    folder: Path
    home: Path
    environment: Mapping[str, str]
    file: Path | None = None
    resources: Sequence[Path] = ()
    run_file: Path | None = None
    app_id: str = ""


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log, and the component whose it is: its name, or the type where only the file was named."""

    path: Path
    pubsub: str


@dataclass(frozen=True, slots=True)
class KafkaComponent:
    """A component whose topics are in Kafka, at `brokers`."""

    name: str
    brokers: str


@dataclass(frozen=True, slots=True)
class FoundLogs:
    """The logs, each once, and the components of Kafka. `places` says where was looked, for a person."""

    logs: Sequence[LogFile]
    kafka: Sequence[KafkaComponent]
    places: str


async def find(places: Places) -> FoundLogs:
    """Raises CommandError where nothing can be looked for, and what wrong resource files raise."""
    if places.file is not None:
        return FoundLogs([LogFile(places.file, SQLITE)], (), str(places.file))
    logs: dict[Path, LogFile] = {}
    kafka: dict[str, KafkaComponent] = {}
    folders: dict[str, None] = {}
    for app in _apps(places):
        paths = [Path(each) for each in _texts(app.settings.get(RESOURCES_PATH))]
        folders |= dict.fromkeys(map(str, paths))
        environment = {**places.environment, **app.environment}
        components = load_resources(paths, app.app_id, environment.get("NAMESPACE", "")).components
        context = ComponentContext(app.app_id or NOBODY, environ=environment, directory=app.directory)
        for found in await _of_components(components, context):
            if isinstance(found, LogFile):
                logs.setdefault(found.path, found)
            else:
                kafka.setdefault(found.name, found)
    return FoundLogs(list(logs.values()), list(kafka.values()), ", ".join(folders))


def _apps(places: Places) -> Iterator[AppSpec]:
    default = (str(default_resources(places.home, daprd=False).folder),)
    if places.resources or not (places.run_file or (places.folder / FILE_NAME).is_file()):
        for path in places.resources:
            if not path.is_dir():
                problem = f"--resources-path {path}: there is no such folder"
                raise CommandError(problem, "Correct it, or name the log itself with --file.")
        folders = tuple(map(str, places.resources)) or default
        if not Path(folders[0]).is_dir():
            problem = f"there is no {FILE_NAME} here, and no folder {folders[0]}"
            advice = (
                "Name the folder of the component files with -d, a run file with -f, or a log with --file."
            )
            raise CommandError(problem, advice)
        yield AppSpec(places.app_id, places.folder, (), "", settings={RESOURCES_PATH: folders})
        return
    for app in read_template(places.run_file or places.folder).apps:
        if places.app_id in ("", app.app_id):
            named = _texts(app.settings.get(RESOURCES_PATH)) or default
            yield AppSpec(app.app_id, app.directory, (), app.origin, app.environment, {RESOURCES_PATH: named})


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, tuple | list) else (str(value),) if value else ()


async def _of_components(
    components: Sequence[Component], context: ComponentContext
) -> list[LogFile | KafkaComponent]:
    wanted = [each for each in components if each.type.lower() in (SQLITE, KAFKA)]
    if not wanted:
        return []
    named = {each.secret_store for each in wanted}
    stores = [each for each in components if each.category == "secretstores" and each.name in named]
    async with open_components(stores, context) as up:
        loaded = {name: each.instance for name, each in up.secrets.items()}
        resolved = [await resolve(each, context, loaded) for each in wanted]
    return [
        LogFile((context.directory / read_settings(each).path).absolute(), each.component.name)
        if each.component.type.lower() == SQLITE
        else KafkaComponent(each.component.name, each.string("brokers"))
        for each in resolved
    ]
