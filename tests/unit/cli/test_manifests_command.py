"""`outboard manifests` as one calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from support.deployments import REDIS, Project
from support.outboard_command import calling

called = calling("manifests")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)


def content(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()
    }


def test_files_are_written_and_a_second_run_changes_nothing(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = project.folder / "kubernetes"
    assert called("--check") == 1
    assert not folder.exists()
    assert called() == 0
    first = content(folder)
    assert set(first) == {
        "00-namespaces.yaml",
        "30-components.yaml",
        "40-shop.yaml",
        "40-till.yaml",
        "shop.Containerfile",
        "till.Containerfile",
    }
    capsys.readouterr()
    assert called() == 0
    assert capsys.readouterr().out == "everything is up to date\n"
    assert content(folder) == first
    assert called("--check") == 0


def test_what_was_edited_is_left_alone_and_told(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert called() == 0
    edited, own = project.folder / "kubernetes" / "40-shop.yaml", project.folder / "kubernetes" / "mine.yaml"
    text = edited.read_text(encoding="utf-8").replace("replicas: 1", "replicas: 5")
    edited.write_text(text, encoding="utf-8")
    own.write_text("kind: ConfigMap\n", encoding="utf-8")
    project.run_file(top="  namespace: market\n")
    capsys.readouterr()
    assert called("-o", "json") == 0
    told = {each["path"]: each["state"] for each in json.loads(capsys.readouterr().out)["files"]}
    assert told["kubernetes/40-shop.yaml"] == "kept"
    assert told["kubernetes/40-till.yaml"] == "changed"
    assert edited.read_text(encoding="utf-8") == text
    assert own.read_text(encoding="utf-8") == "kind: ConfigMap\n"
    assert called() == 0
    assert "kept: kubernetes/40-shop.yaml (edited by hand; --force" in capsys.readouterr().out.replace(
        "\\", "/"
    )
    assert called("--force") == 0
    assert "replicas: 1" in edited.read_text(encoding="utf-8")
    assert own.exists()


def test_the_files_of_an_app_that_is_gone_go_too(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called() == 0
    text = project.file.read_text(encoding="utf-8")
    project.file.write_text(text.partition("  - appID: till")[0], encoding="utf-8")
    capsys.readouterr()
    assert called() == 0
    assert "removed: kubernetes/40-till.yaml" in capsys.readouterr().out.replace("\\", "/")
    assert not (project.folder / "kubernetes" / "till.Containerfile").exists()


def test_the_secrets_to_create_are_told(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.write("parts/store.yaml", REDIS)
    assert called() == 0
    command = "kubectl create secret generic statestore -n trade --from-literal=redisPassword=..."
    assert command in capsys.readouterr().out
    assert called("-o", "json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["secrets"] == [{"name": "statestore", "keys": ["redisPassword"], "command": command}]


def test_a_kustomize_base_and_an_overlay_that_is_the_person_s(project: Project) -> None:
    assert called("--kustomize", "--to", "deploy") == 0
    base = yaml.safe_load((project.folder / "deploy/base/kustomization.yaml").read_text(encoding="utf-8"))
    assert base["resources"] == [
        "00-namespaces.yaml",
        "30-components.yaml",
        "40-shop.yaml",
        "40-till.yaml",
    ]
    overlay = project.folder / "deploy/overlays/production/kustomization.yaml"
    found = yaml.safe_load(overlay.read_text(encoding="utf-8"))
    assert found["resources"] == ["../../base"]
    assert {"name": "shop", "newName": "shop", "newTag": "0.1.0"} in found["images"]
    overlay.write_text("# mine\n", encoding="utf-8")
    assert called("--kustomize", "--to", "deploy", "--force") == 0
    assert overlay.read_text(encoding="utf-8") == "# mine\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--set", "x"], "Write NAME=VALUE"),
        (["--with", "rabbitmq"], "There are: kafka, redis"),
        (["--resources", "nowhere"], "there is no folder nowhere"),
        (["-f", "nowhere.yaml"], "there is no run file"),
    ],
)
def test_wrong_usage(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert called(*arguments) == 2
    assert told in capsys.readouterr().err
    assert not Path("kubernetes").exists()
