"""`dapr.yaml`: what is taken from it, and what is said about mistakes in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from outboard.errors import CommandError, ResourceError
from outboard.run.plan.template import Destination, Template, read_template


def write(folder: Path, text: str, name: str = "dapr.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def read(folder: Path, text: str) -> Template:
    return read_template(write(folder, text))


def error_of(folder: Path, text: str) -> ResourceError:
    with pytest.raises(ResourceError) as caught:
        read(folder, text)
    return caught.value


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("backend", "worker", "components", "backend/resources"):
        (tmp_path / name).mkdir()
    return tmp_path


def test_reads_an_app_with_all_that_it_needs(folder: Path) -> None:
    template = read(
        folder,
        """\
version: 1
common:
  resourcesPath: ./components
  env: {SHARED: common, DEBUG: true}
apps:
  - appID: backend
    appDirPath: ./backend
    appPort: 8000
    daprHTTPPort: 3500
    appProtocol: http
    command: ["python", "-m", "backend"]
    env: {DEBUG: off}
  - appDirPath: worker/
    command: [./worker]
    appLogDestination: file
    daprdLogDestination: fileAndConsole
""",
    )
    backend, worker = template.apps
    assert backend.app_id == "backend"
    assert backend.directory == folder / "backend"
    assert backend.command == ("python", "-m", "backend")
    assert backend.environment == {"SHARED": "common", "DEBUG": "off"}
    assert backend.settings == {
        "resources-path": (str(folder / "components"),),
        "app-port": 8000,
        "dapr-http-port": 3500,
        "app-protocol": "http",
    }
    assert (backend.app_log, backend.sidecar_log) == (Destination.CONSOLE, Destination.CONSOLE)
    assert worker.app_id == "worker"  # the name of its folder
    assert (worker.app_log, worker.sidecar_log) == (Destination.FILE, Destination.BOTH)


def test_reads_dapr_yaml_of_a_folder(folder: Path) -> None:
    write(folder, "version: 1\napps: [{appDirPath: backend}]\n")
    assert [app.app_id for app in read_template(folder).apps] == ["backend"]


def test_an_apps_own_paths_are_relative_to_its_folder(folder: Path) -> None:
    template = read(
        folder,
        "version: 1\ncommon: {resourcesPath: components}\n"
        "apps: [{appDirPath: backend, resourcesPaths: [resources]}]\n",
    )
    assert template.apps[0].settings["resources-path"] == (str(folder / "backend" / "resources"),)


def test_the_dapr_folder_of_an_app_counts_for_more_than_common(folder: Path) -> None:
    conventional = folder / "backend" / ".dapr" / "resources"
    conventional.mkdir(parents=True)
    template = read(
        folder, "version: 1\ncommon: {resourcesPath: components}\napps: [{appDirPath: backend}]\n"
    )
    assert template.apps[0].settings["resources-path"] == (str(conventional),)


def test_several_resource_folders_may_stand_in_one_line(folder: Path) -> None:
    template = read(
        folder, "version: 1\ncommon: {resourcesPaths: 'components, backend'}\napps: [{appDirPath: backend}]\n"
    )
    expected = (str(folder / "components"), str(folder / "backend"))
    assert template.apps[0].settings["resources-path"] == expected


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (
            "apps:\n  - appDirPath: backend\n    appPrt: 8000\n",
            4,
            "`appPrt` is ignored. Did you mean `appPort`?",
        ),
        ("common: {appPort: 1}\napps: [{appDirPath: backend}]\n", 2, "It belongs under one app in `apps`."),
        (
            "resourcesPath: .\napps: [{appDirPath: backend}]\n",
            2,
            "It belongs under `common`, or under one app",
        ),
        ("apps:\n  - appDirPath: backend\n    apps: 1\n", 4, "It belongs at the top of the file."),
        ("commen: {}\napps: [{appDirPath: backend}]\n", 2, "Did you mean `common`?"),
        ("apps:\n  - appDirPath: backend\n    venv: .venv\n", 4, "unknown key `venv` is ignored"),
    ],
)
def test_an_unknown_key_is_a_warning_with_its_line_and_the_near_or_right_place(
    folder: Path, text: str, line: int, said: str
) -> None:
    (finding,) = read(folder, "version: 1\n" + text).findings
    assert (finding.file, finding.line) == (str(folder / "dapr.yaml"), line)
    assert said in str(finding)
    assert finding.severity == "warning"
    assert "`env`" not in str(finding)


def test_keys_that_begin_with_x_are_the_authors_own(folder: Path) -> None:
    text = "version: 1\nx-a: &a {A: b}\ncommon: {x-b: 1}\napps: [{appDirPath: backend, x-c: 1, env: *a}]\n"
    template = read(folder, text)
    assert not template.findings
    assert template.apps[0].environment == {"A": "b"}


def test_what_dapr_takes_for_nothing_is_not_given(folder: Path) -> None:
    text = (
        "version: 1\ncommon: {resourcesPath: ''}\n"
        "apps: [{appDirPath: backend, appPort: 0, daprHTTPPort: -1, resourcesPath: '', configFilePath: ''}]\n"
    )
    assert read(folder, text).apps[0].settings == {}


def test_a_folder_of_resources_that_is_named_twice_counts_once(folder: Path) -> None:
    text = (
        "version: 1\napps:\n  - appDirPath: backend\n"
        "    resourcesPath: resources\n    resourcesPaths: [resources]\n"
    )
    template = read(folder, text)
    assert template.apps[0].settings["resources-path"] == (str(folder / "backend" / "resources"),)
    (finding,) = template.findings
    assert (finding.line, "which line 5 names too" in finding.problem) == (4, True)


COMPONENT = "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: x}\nspec: {type: pubsub.redis}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (COMPONENT, "this is a Dapr resource of kind Component, no run file. .*`resourcesPath`"),
        (COMPONENT + "---\n" + COMPONENT, "kind Component, no run file"),
        (
            COMPONENT.replace("Component", "Configuration"),
            "kind Configuration, no run file. .*`configFilePath`",
        ),
        ("apiVersion: apps/v1\nkind: Deployment\n", "this is a Kubernetes resource of kind Deployment"),
    ],
)
def test_another_kind_of_file_is_said_to_be_what_it_is(folder: Path, text: str, said: str) -> None:
    assert re.search(said, str(error_of(folder, text)))


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("version: 2\napps: [{appDirPath: backend}]\n", 1, "version 2 is not known"),
        ("apps: [{appDirPath: backend}]\n", 1, "`version` is missing"),
        ("version: 1\n", 1, "`apps` is missing"),
        ("version: 1\napps: []\n", 1, "no app is described"),
        ("version: 1\nappz: []\n", 1, "Line 2 has `appz`: did you mean `apps`?"),
        ("version: 1\napps:\n  - appDirPth: x\n", 3, "Line 3 has `appDirPth`: did you mean `appDirPath`?"),
        ("version: 1\napps:\n  - appDirPath: dapr.yaml\n", 3, "dapr.yaml, which is a file"),
        (
            "version: 1\napps:\n  - appDirPath: .\n    resourcesPath: dapr.yaml\n",
            4,
            "dapr.yaml, which is a file. Name its folder",
        ),
        ("version: 1\napps:\n  - appID: x\n", 3, "`appDirPath` is missing"),
        ("version: 1\napps:\n  - appDirPath: nowhere\n", 3, "nowhere, which does not exist"),
        ("version: 1\napps:\n  - appDirPath: backend\n    appPort: 70000\n", 4, "a port from 1 to 65535"),
        ("version: 1\napps:\n  - appDirPath: backend\n    appPort: web\n", 4, "a whole number"),
        (
            "version: 1\napps:\n  - appDirPath: backend\n    command: python -m x\n",
            4,
            '["python", "-m", "x"]',
        ),
        ("version: 1\napps:\n  - appDirPath: backend\n    env: [DEBUG]\n", 4, "a mapping"),
        ("version: 1\napps:\n  - appDirPath: backend\n    appID: a.b\n", 4, "without a dot"),
        ("version: 1\napps:\n  - appDirPath: backend\n    appLogDestination: disk\n", 4, "console, file"),
        (
            "version: 1\napps:\n  - appDirPath: backend\n  - appID: backend\n    appDirPath: .\n",
            4,
            "used twice",
        ),
        ("version: 1\napps:\n  - appDirPath: backend\n    appDirPath: worker\n", 4, "written twice"),
        ("version: 1\napps:\n\t- x\n", 3, "spaces"),
        ("", 1, "no app is described"),
        ("version: 1\n---\nversion: 1\n", 1, "one YAML document"),
    ],
)
def test_mistakes_are_told_with_their_line(folder: Path, text: str, line: int, said: str) -> None:
    error = error_of(folder, text)
    assert error.line == line
    assert said in str(error)


def test_a_missing_file_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"no run file .*dapr\.yaml.*-f"):
        read_template(tmp_path)


def test_a_folder_in_the_place_of_the_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "dapr.yaml").mkdir()
    with pytest.raises(CommandError, match=r"dapr\.yaml is a folder, and no run file. Name the file with -f"):
        read_template(tmp_path)
