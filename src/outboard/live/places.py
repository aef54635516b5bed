"""Which sidecars a command asks, and which files it reads: those of a run, of a run file, or named ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from outboard.errors import CommandError
from outboard.run.plan.default_resources import default_resources
from outboard.run.plan.settings import RESOURCES_PATH
from outboard.run.plan.template import FILE_NAME, AppSpec, read_template
from outboard.runs.finding import KnownRun, all_runs, beside, find_run, tokens_of
from outboard.runs.folder import HOPS, runs_folder
from outboard.runs.record import RunningApp
from outboard.wire.dapr import DEFAULT_HTTP_PORT

__all__ = ["AppPlace", "SearchPlaces", "app_places", "one_app"]

API_TOKEN: Final = "DAPR_API_TOKEN"
NAMESPACE: Final = "NAMESPACE"


@dataclass(frozen=True, slots=True)
class SearchPlaces:
    """What a person says of where to look. Without any of it the newest run counts, else `dapr.yaml` here.

    `resources` are folders of component files, for a command that is to open a component itself. `run_id` is
    that of one run.
    """

    home: Path
    directory: Path
    environment: Mapping[str, str] = field(repr=False)
    app_id: str = ""
    http_port: int = 0
    run_file: Path | None = None
    resources: Sequence[Path] = ()
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class AppPlace:
    """One app: its sidecar at `endpoint`, empty where none runs, and its files.

    `app_id` is empty where only a port was named: the sidecar tells it. Relative paths in component files
    begin in `directory`. `hops_folder` is where its run records hops; empty where there is no run.
    """

    app_id: str
    endpoint: str = ""
    api_token: str = field(default="", repr=False)
    resources_paths: tuple[Path, ...] = ()
    namespace: str = ""
    directory: Path = Path()
    hops_folder: str = ""


def app_places(places: SearchPlaces) -> list[AppPlace]:
    """Every app that is meant. Raises CommandError where there is none, ResourceError, OSError."""
    if places.http_port:
        return [_at_port(places)]
    if places.resources:
        return [_of_folders(places)]
    runs = runs_folder(places.home)
    try:
        run = find_run(runs, run_id=places.run_id, run_file=places.run_file, app_id=places.app_id)
    except CommandError as error:
        found = list(_of_template(places))
        if found and (not places.app_id or any(app.app_id == places.app_id for app in found)):
            return found
        raise CommandError(
            error.problem, f"{error.advice} Or name a sidecar with --dapr-http-port."
        ) from error
    return [_of_run(run, app) for app in run.record.apps] + list(_apps_beside(run, all_runs(runs)))


def one_app(places: SearchPlaces, apps: Sequence[AppPlace]) -> Sequence[AppPlace]:
    """Those of `apps` that may be asked: the one that is named, else all. Raises CommandError."""
    if not places.app_id or places.http_port:
        return apps
    if found := [app for app in apps if app.app_id == places.app_id]:
        return found
    known = ", ".join(app.app_id for app in apps)
    raise CommandError(f"there is no app '{places.app_id}'", f"There are: {known}.")


def _at_port(places: SearchPlaces) -> AppPlace:
    return AppPlace(
        places.app_id,
        f"http://127.0.0.1:{places.http_port}",
        places.environment.get(API_TOKEN, ""),
        tuple(places.resources),
        places.environment.get(NAMESPACE, ""),
        places.directory,
    )


def _of_folders(places: SearchPlaces) -> AppPlace:
    for folder in places.resources:
        if not folder.is_dir():
            raise CommandError(f"--resources-path {folder}: there is no such folder", "Correct it.")
    namespace = places.environment.get(NAMESPACE, "")
    return AppPlace(
        places.app_id,
        resources_paths=tuple(places.resources),
        namespace=namespace,
        directory=places.directory,
    )


def _of_run(run: KnownRun, app: RunningApp) -> AppPlace:
    token = tokens_of(run).get(app.app_id, {}).get(API_TOKEN, "")
    return AppPlace(
        app.app_id,
        f"http://127.0.0.1:{app.http_port or DEFAULT_HTTP_PORT}",
        token,
        tuple(map(Path, app.resources_paths)),
        app.namespace,
        Path(app.directory),
        str(run.path / HOPS),
    )


def _apps_beside(run: KnownRun, every: Iterable[KnownRun]) -> Iterator[AppPlace]:
    """The apps of the runs beside it that share component files; one of each name."""
    mine = run.record.resources_paths
    names = {app.app_id for app in run.record.apps}
    for other in beside(run, every):
        for app in other.record.apps:
            if mine.intersection(app.resources_paths) and app.app_id not in names:
                names.add(app.app_id)
                yield _of_run(other, app)


def _of_template(places: SearchPlaces) -> Iterator[AppPlace]:
    """The apps of the run file, where there is one; none of them runs."""
    if places.run_file is None and not (places.directory / FILE_NAME).is_file():
        return
    default = (default_resources(places.home, daprd=False).folder,)
    for app in read_template(places.run_file or places.directory).apps:
        namespace = {**places.environment, **app.environment}.get(NAMESPACE, "")
        yield AppPlace(
            app.app_id,
            resources_paths=_paths(app) or default,
            namespace=namespace,
            directory=app.directory,
        )


def _paths(app: AppSpec) -> tuple[Path, ...]:
    named = app.settings.get(RESOURCES_PATH)
    found = named if isinstance(named, tuple | list) else [named] if named else []
    return tuple(Path(str(each)) for each in found)
