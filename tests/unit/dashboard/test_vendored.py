"""The scripts of others are those that their record names, with a licence, and nothing lies beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import dev
from outboard.dashboard.server.rendering import STATIC_FOLDER
from requirements.vendored import PACKAGES, RECORD, TARGET, TEST_PACKAGES, TEST_TARGET, Package

FOLDERS = ((TARGET, PACKAGES), (TEST_TARGET, TEST_PACKAGES))
EACH = [(folder, package) for folder, packages in FOLDERS for package in packages]


def record(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    return found


def test_what_the_dashboard_serves_lies_in_its_package() -> None:
    assert TARGET == STATIC_FOLDER / "vendored"


@pytest.mark.parametrize(("folder", "packages"), FOLDERS, ids=["served", "of tests"])
def test_the_record_is_that_of_the_script(folder: Path, packages: Sequence[Package]) -> None:
    assert [(each["name"], each["version"], each["licence"]) for each in record(folder)] == [
        (package.name, package.version, package.licence) for package in packages
    ]
    assert all(each["integrity"].startswith("sha512-") for each in record(folder))


@pytest.mark.parametrize(("folder", "package"), EACH, ids=[package.name for _, package in EACH])
def test_each_file_is_as_it_was_fetched(folder: Path, package: Package) -> None:
    (told,) = [each for each in record(folder) if each["name"] == package.name]
    assert told["sha256"].keys() == set(package.files.values())
    for name, digest in told["sha256"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name
    assert any(name.endswith("LICENSE.txt") for name in told["sha256"])


@pytest.mark.parametrize("folder", [TARGET, TEST_TARGET], ids=["served", "of tests"])
def test_nothing_else_lies_there(folder: Path) -> None:
    told = {name for each in record(folder) for name in each["sha256"]} | {RECORD}
    assert {path.name for path in folder.iterdir()} == told


def test_no_page_asks_another_machine() -> None:
    """Of our own files, and of the templates: each address in them begins at this server."""
    own = [path for path in STATIC_FOLDER.iterdir() if path.suffix in {".css", ".js"}]
    templates = sorted((Path(dev.ROOT) / "src/outboard/dashboard/templates").glob("*.html"))
    assert templates
    for path in [*own, *templates]:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text, path.name
        assert "https:" not in text, path.name
        assert "//cdn" not in text, path.name


def test_no_template_has_a_script_or_a_style_in_itself() -> None:
    """The policy of the page would not let it run: nothing that looks like one may come to stand there."""
    for path in sorted((Path(dev.ROOT) / "src/outboard/dashboard/templates").glob("*.html")):
        text = path.read_text(encoding="utf-8")
        assert "<style" not in text, path.name
        assert " style=" not in text, path.name
        assert "|safe" not in text.replace(" ", ""), path.name
        assert all("src=" in part.split(">")[0] for part in text.split("<script")[1:]), path.name
        assert not any(f" on{event}=" in text for event in ("click", "load", "input", "error")), path.name
