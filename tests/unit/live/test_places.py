from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from outboard.errors import CommandError
from outboard.host.processes import process_identity
from outboard.live.components import choices
from outboard.live.places import SearchPlaces, app_places, one_app
from outboard.runs.folder import RunFolder, make_run_folder, runs_folder
from outboard.runs.record import RunningApp, RunRecord

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
COMPONENT = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {{name: {name}}}
spec: {{type: {type}, version: v1}}
scopes: [{scopes}]
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def run(home: Path, *apps: RunningApp, minute: int = 0, **tokens: str) -> RunFolder:
    """A run of this process, which is alive."""
    started = START.replace(minute=minute)
    folder = make_run_folder(runs_folder(home), started)
    folder.write(
        RunRecord(folder.run_id, "0", "outboard", "", str(home), started, process_identity(), tuple(apps))
    )
    folder.write_tokens({app: {"DAPR_API_TOKEN": token} for app, token in tokens.items()})
    return folder


def app(name: str, port: int, resources: Path) -> RunningApp:
    return RunningApp(name, str(resources.parent), http_port=port, resources_paths=(str(resources),))


def search(home: Path, **more: object) -> SearchPlaces:
    environment: Mapping[str, str] = {"DAPR_API_TOKEN": "of-the-shell"}
    return SearchPlaces(home, home, environment, **more)  # type: ignore[arg-type]


def test_the_apps_of_the_newest_run_with_their_tokens(home: Path, tmp_path: Path) -> None:
    run(home, app("old", 1, tmp_path / "a"))
    run(home, app("one", 2, tmp_path / "b"), app("two", 3, tmp_path / "b"), minute=1, one="secret")
    found = app_places(search(home))
    assert [(each.app_id, each.endpoint, each.api_token) for each in found] == [
        ("one", "http://127.0.0.1:2", "secret"),
        ("two", "http://127.0.0.1:3", ""),
    ]
    assert "secret" not in repr(found)
    assert [each.app_id for each in app_places(search(home, app_id="old"))] == ["old"]
    with pytest.raises(CommandError, match=r"there is no app 'three'. There are: one, two\."):
        one_app(search(home, app_id="three"), found)


def test_services_in_other_terminals_with_the_same_files_are_among_them(home: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    run(home, app("one", 1, shared))
    run(home, app("stranger", 2, tmp_path / "other"), minute=1)
    run(home, app("two", 3, shared), minute=2)
    assert [each.app_id for each in app_places(search(home))] == ["two", "one"]


def test_a_port_is_a_sidecar_of_its_own(home: Path) -> None:
    (found,) = app_places(search(home, http_port=3500))
    assert (found.endpoint, found.api_token) == ("http://127.0.0.1:3500", "of-the-shell")


def test_without_a_run_the_message_names_what_can_be_done(home: Path) -> None:
    with pytest.raises(CommandError, match=r"outboard run.*--dapr-http-port"):
        app_places(search(home))


def components(folder: Path, **types: str) -> Path:
    """Component files; `all` scopes where the name has no `_`, else the app behind it."""
    folder.mkdir(parents=True)
    for name, type in types.items():
        wanted, _, scope = name.partition("_")
        text = COMPONENT.format(name=wanted, type=type, scopes=scope)
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def test_the_component_of_each_app_that_has_it(home: Path, tmp_path: Path) -> None:
    place = components(tmp_path / "c", pubsub="pubsub.in-memory", store_two="state.in-memory")
    run(home, app("one", 1, place), app("two", 2, place))
    assert [each.app_id for each in choices(search(home), "pubsub", "")] == ["one", "two"]
    assert [each.app_id for each in choices(search(home), "state", "store")] == ["two"]
    with pytest.raises(CommandError, match="there is no state store in"):
        choices(search(home, app_id="one"), "state", "")
    with pytest.raises(CommandError, match=r"there is no pub/sub component 'pubsup'.*Did you mean `pubsub`"):
        choices(search(home), "pubsub", "pubsup")


def test_several_components_are_named(home: Path, tmp_path: Path) -> None:
    place = components(tmp_path / "c", a="pubsub.in-memory", b="pubsub.in-memory")
    found = search(home, resources=(place,))
    with pytest.raises(CommandError, match=r"is not clear. Name it with --pubsub. There are: a, b\."):
        choices(found, "pubsub", "")
    assert choices(found, "pubsub", "b")[0].component.name == "b"
