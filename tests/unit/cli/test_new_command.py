"""`outboard new` as one calls it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from outboard.cli import main
from outboard.scaffold import writing
from outboard.schema.jsonc import with_entries
from support.outboard_command import calling

pytestmark = pytest.mark.usefixtures("here")
called = calling("new")
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt")


def files(folder: Path) -> set[str]:
    return {each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()}


def test_a_service_is_made_in_a_folder_of_its_name(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert called("my-orders") == 0
    assert {
        *(".devcontainer/devcontainer.json", ".gitignore", ".vscode/launch.json", "dapr.yaml"),
        *("my_orders/handlers.py", "tests/test_notes.py", "components/local/pubsub.yaml"),
        *("components/cluster/pubsub.yaml", "kubernetes/40-my-orders.yaml"),
    } <= files(here / "my-orders")
    shown = capsys.readouterr().out.replace("\\", "/")
    assert "written: my-orders/kubernetes/my-orders.Containerfile" in shown
    assert "outboard run " in shown


def test_no_word_is_left_unfilled(here: Path) -> None:
    called("orders")
    texts = {each: each.read_text(encoding="utf-8") for each in here.rglob("*") if each.is_file()}
    assert [each for each, text in texts.items() if "{{" in text] == []
    version = ".".join(map(str, sys.version_info[:2]))
    container = json.loads((here / "orders/.devcontainer/devcontainer.json").read_text(encoding="utf-8"))
    assert container["image"] == f"python:{version}"


def required(text: str) -> list[str]:
    """The packages that a file of requirements names, without their versions."""
    return [line.partition(">=")[0] for line in text.splitlines() if not line.startswith(("#", "-"))]


@pytest.mark.parametrize(
    ("direct_url", "needed", "needed_for_tests"),
    [
        (None, ["outboard"], ["outboard[dashboard,testing]", "httpx"]),
        ('{"url": "file:///clone", "dir_info": {}}', [], ["httpx"]),
    ],
    ids=["index", "clone"],
)
def test_another_project_of_the_same_name_is_never_installed(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    direct_url: str | None,
    needed: list[str],
    needed_for_tests: list[str],
) -> None:
    """Until the first release the index has a stranger's `outboard`, of a higher version."""
    monkeypatch.setattr(writing, "_direct_url", lambda: direct_url)
    assert called("orders") == 0
    texts = {each: (here / "orders" / each).read_text(encoding="utf-8") for each in REQUIREMENTS}
    assert [required(text) for text in texts.values()] == [needed, needed_for_tests]
    is_from_index = direct_url is None
    assert ("[dashboard,testing]" in capsys.readouterr().out) is not is_from_index
    readme = (here / "orders" / "README.md").read_text(encoding="utf-8")
    assert ("from its clone" in readme) is not is_from_index


def test_its_manifests_are_up_to_date(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    called("orders")
    capsys.readouterr()
    monkeypatch.chdir("orders")
    with pytest.raises(SystemExit) as ended:
        main(["manifests", "--check"])
    assert (capsys.readouterr().out, ended.value.code) == ("everything is up to date\n", 0)


def test_settings_of_the_editor_can_be_added_to(here: Path) -> None:
    called("orders")
    settings = (here / "orders/.vscode/settings.json").read_text(encoding="utf-8")
    assert json.loads(with_entries(settings, "yaml.schemas", {"a": ["b"]}))["yaml.schemas"] == {"a": ["b"]}


def test_what_was_made_is_told_to_programs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert called("orders", "--to", "services/orders", "--output", "json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["folder"] == "services/orders"
    assert {here / each for each in told["files"]} == {
        here / "services/orders" / each for each in files(here / "services/orders")
    }


def test_other_files_of_the_folder_are_left_alone(here: Path) -> None:
    (here / "LICENSE").write_text("mine", encoding="utf-8")
    assert called("orders", "--to", ".") == 0
    assert (here / "LICENSE").read_text(encoding="utf-8") == "mine"


def test_nothing_is_written_over(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "orders").mkdir()
    (here / "orders" / "dapr.yaml").write_text("mine", encoding="utf-8")
    assert called("orders") == 2
    error = capsys.readouterr().err
    assert "orders has dapr.yaml already; nothing was written" in error
    assert files(here) == {"orders/dapr.yaml"}
    assert (here / "orders" / "dapr.yaml").read_text(encoding="utf-8") == "mine"


def test_only_some_of_many_files_in_the_way_are_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    called("orders")
    before = files(here)
    capsys.readouterr()
    assert called("orders") == 2
    assert " more already; nothing was written" in capsys.readouterr().err
    assert files(here) == before


def test_the_folder_where_one_stands_has_words(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert called("orders", "--to", ".") == 0
    assert "Now, in this folder:" in capsys.readouterr().out
    assert called("orders", "--to", ".") == 2
    assert "this folder has .devcontainer" in capsys.readouterr().err


def test_manifests_that_are_there_are_in_the_way(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "orders" / "kubernetes").mkdir(parents=True)
    assert called("orders") == 2
    assert "orders has kubernetes already" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["tests", ".vscode", "components"])
def test_a_file_in_the_place_of_a_folder_below_is_in_the_way(
    here: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (here / "orders").mkdir()
    (here / "orders" / name).write_text("mine", encoding="utf-8")
    assert called("orders") == 2
    assert f"orders has {name} already; nothing was written" in capsys.readouterr().err
    assert files(here) == {f"orders/{name}"}


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_to_nowhere_is_in_the_way(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "orders").mkdir()
    (here / "orders" / "README.md").symlink_to(here / "elsewhere.md")
    assert called("orders") == 2
    assert "orders has README.md already; nothing was written" in capsys.readouterr().err
    assert not (here / "elsewhere.md").exists()


def test_a_file_on_the_way_to_the_folder_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "services").write_text("mine", encoding="utf-8")
    assert called("orders", "--to", "services/orders") == 2
    assert "services is a file. Name another folder with --to." in capsys.readouterr().err


def test_a_file_in_the_place_of_the_folder_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "orders").write_text("mine", encoding="utf-8")
    assert called("orders") == 2
    assert "orders is a file. Name another folder with --to." in capsys.readouterr().err


def test_no_folder_is_not_this_folder(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert called("orders", "--to", "") == 2
    assert "--to is empty. Name a folder, `.` for this one." in capsys.readouterr().err
    assert files(here) == set()


def test_a_name_that_does_not_do_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert called("Orders") == 2
    assert "`Orders` is no name for a service" in capsys.readouterr().err
    assert files(here) == set()
