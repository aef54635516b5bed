"""`outboard info` as one calls it."""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from support.outboard_command import calling

RUN_FILE = """\
version: 1
apps:
  - appID: shop
    appDirPath: .
    resourcesPath: parts
    configFilePath: config.yaml
"""
COMPONENT = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: orders}
spec:
  type: state.redis
  version: v1
  metadata:
    - {name: redisHost, value: "redis:6379"}
    - {name: redisPassword, value: "hunter22"}
"""
CONFIGURATION = "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: appconfig}\n"

called = calling("info")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("DAPR_", "OUTBOARD_", "APP_")):
            monkeypatch.delenv(name)
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert called(*arguments, "--output", "json") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_versions_are_those_that_are_installed(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys)
    assert (found["outboard"], found["python"]) == (version("outboard"), platform.python_version())
    versions = {each["name"]: each["version"] for each in found["dependencies"]}
    assert versions["fastapi"] == version("fastapi")
    assert versions["starlette"] == version("starlette")
    extras = {each["name"]: each for each in found["extras"]}
    assert {"kafka", "redis", "sql", "testing"} <= extras.keys()
    assert extras["testing"]["packages"][0]["version"] == version("pytest")
    assert extras["testing"]["missing"] == []


def test_what_is_not_installed_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "outboard.inventory.looking.requires", lambda name: ["no-such-package>=2", "nor-this; extra == 'x'"]
    )
    found = told(capsys)
    assert found["dependencies"][0] == {"name": "no-such-package", "version": "", "asked": ">=2"}
    assert found["extras"][0]["missing"] == ["nor-this"]
    assert called() == 0
    shown = capsys.readouterr().out
    assert "  no-such-package is not installed (asked for: >=2)\n" in shown
    assert "  x: not installed\n" in shown


def test_resources_are_told_without_their_values(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "parts").mkdir()
    (here / "dapr.yaml").write_text(RUN_FILE, encoding="utf-8")
    (here / "parts" / "store.yaml").write_text(COMPONENT, encoding="utf-8")
    (here / "config.yaml").write_text(CONFIGURATION, encoding="utf-8")
    assert called() == 0
    shown = capsys.readouterr().out
    assert "apps:\n  shop\n" in shown
    assert (
        "  Component orders: state.redis/v1 with redisHost, redisPassword (parts/store.yaml)\n"
        "  Configuration appconfig (config.yaml)\n"
    ) in shown
    assert "hunter22" not in shown
    assert "redis:6379" not in shown


def test_without_a_run_file_the_usual_folders_count(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "services" / "components").mkdir(parents=True)
    (here / "services" / "components" / "store.yaml").write_text(COMPONENT, encoding="utf-8")
    found = told(capsys, "services")
    assert [each["place"] for each in found["resources"]] == ["components/store.yaml"]


def test_a_file_that_cannot_be_read_is_named_and_the_rest_is_told(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "components").mkdir()
    (here / "components" / "a.yaml").write_text("apiVersion: [", encoding="utf-8")
    (here / "components" / "b.yaml").write_text(COMPONENT, encoding="utf-8")
    (here / "dapr.yaml").write_text("version: 7\napps: []\n", encoding="utf-8")
    monkeypatch.setattr(Path, "home", lambda: here)
    found = told(capsys)
    assert [each["name"] for each in found["resources"]] == ["orders"]
    assert len(found["problems"]) == 2
    assert "dapr.yaml:1" in found["problems"][0]
    assert str(here) not in str(found["problems"])
    assert "a.yaml:2" in found["problems"][1]


def test_secrets_of_variables_are_masked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAPR_API_TOKEN", "hunter22")
    monkeypatch.setenv("DAPR_HTTP_PORT", "3500")
    assert called() == 0
    shown = capsys.readouterr().out
    assert "  DAPR_API_TOKEN=***\n" in shown
    assert "  DAPR_HTTP_PORT=3500\n" in shown
    assert "hunter22" not in shown


@pytest.mark.skipif(os.name == "nt", reason="the program is a script of sh")
def test_engines_are_found_and_asked_for_their_versions(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, says in {
        "daprd": "1.18.1",
        "redis-server": "Redis server v=7.0.15 sha=00000000",
        "kubectl": "Client Version: v1.31.2",
    }.items():
        program = here / name
        program.write_text(f"#!/bin/sh\necho '{says}'\n", encoding="utf-8")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(here))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(here))
    found = {each["name"]: each for each in told(capsys)["engines"]}
    versions = {name: found[name]["version"] for name in ("daprd", "redis", "kubectl")}
    assert versions == {"daprd": "1.18.1", "redis": "7.0.15", "kubectl": "1.31.2"}
    assert found["daprd"]["place"] == "~/daprd"
    assert found["java"]["place"] or "there is no Java on PATH" in found["java"]["problem"]
    assert found["kafka"]["problem"] == "none on this machine"


def test_the_python_is_named_without_the_home(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path(sys.executable).parent)
    assert told(capsys)["platform"]["executable"].startswith("~")


def test_a_folder_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert called("nowhere") == 2
    assert "there is no folder nowhere" in capsys.readouterr().err
