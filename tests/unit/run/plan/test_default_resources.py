"""The resources of apps that name none."""

from __future__ import annotations

from pathlib import Path

import pytest

from outboard.resources.loader import load_resources
from outboard.run.plan.default_resources import with_defaults, write_embedded
from outboard.run.plan.plan import ChosenApps, RunOptions
from outboard.run.plan.template import AppSpec

DAPRD = RunOptions(daprd=Path("/usr/bin/daprd"))


def apps(*, named: str = "") -> ChosenApps:
    own = {"resources-path": (named,)} if named else {}
    return ChosenApps([AppSpec("one", Path(), (), "x", settings=own), AppSpec("two", Path(), (), "x")])


def folders(chosen: ChosenApps) -> list[object]:
    return [spec.settings.get("resources-path") for spec in chosen.specs]


def test_those_of_dapr_init_count_where_they_are(tmp_path: Path) -> None:
    folder = tmp_path / ".dapr" / "components"
    folder.mkdir(parents=True)
    for options in (RunOptions(), DAPRD):
        chosen, embedded = with_defaults(apps(named="/own"), options, tmp_path)
        assert folders(chosen) == [("/own",), (str(folder),)]
        assert chosen.notes == (
            f"two names no folder of resources, so that it gets {folder}, as with `dapr run`",
        )
        assert not embedded


@pytest.mark.parametrize(
    ("options", "types"),
    [(RunOptions(), ["pubsub.sqlite", "state.sqlite"]), (DAPRD, ["pubsub.in-memory", "state.sqlite"])],
)
def test_else_there_are_embedded_ones(tmp_path: Path, options: RunOptions, types: list[str]) -> None:
    home = tmp_path / "Ana's"
    chosen, embedded = with_defaults(apps(), options, home)
    assert embedded
    (note,) = chosen.notes
    assert note.startswith("one and two name no folder of resources, so that they get ")
    write_embedded(home)
    name = "components" if options.daprd is None else "components-daprd"
    folder = home / ".outboard" / name
    assert folders(chosen) == [(str(folder),)] * 2
    components = load_resources([folder], "one").components
    assert [(each.name, each.type) for each in components] == list(
        zip(("pubsub", "statestore"), types, strict=True)
    )
    assert components[-1].metadata[0].value == str(home / ".outboard" / "data" / "statestore.db")


def test_what_somebody_wrote_there_stays(tmp_path: Path) -> None:
    write_embedded(tmp_path)
    file = tmp_path / ".outboard" / "components" / "pubsub.yaml"
    file.write_text("mine", encoding="utf-8")
    write_embedded(tmp_path)
    assert file.read_text(encoding="utf-8") == "mine"


def test_nothing_is_added_where_folders_are_named(tmp_path: Path) -> None:
    options = RunOptions(resources=("/swap",))
    assert with_defaults(apps(), options, tmp_path) == (apps(), False)
