"""The engine `cluster`: what it decides without a cluster."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
import yaml

import dev
from engines.catalogue import select
from engines.cluster.build import CONTROL_PLANE, STAND_INS, chart_values
from engines.cluster.images import bases_in, full_name, index, name_in, stages_in
from engines.cluster.layout import Run
from engines.cluster.machine import what_is_missing
from engines.cluster.product import containerfiles, context_files, requirements
from engines.cluster.settings import core_dns, kubeconfig, kubelet, volume
from engines.command import set_up

DEPLOYED = dev.ROOT / "deploy" / "kubernetes"


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("redis", "docker.io/library/redis:latest"),
        ("redis:7.4-alpine", "docker.io/library/redis:7.4-alpine"),
        ("apache/kafka:4.3.1", "docker.io/apache/kafka:4.3.1"),
        ("ghcr.io/dapr/daprd:1.18.1", "ghcr.io/dapr/daprd:1.18.1"),
        ("localhost/app", "localhost/app:latest"),
        ("registry:5000/app", "registry:5000/app:latest"),
    ],
)
def test_an_image_has_the_name_that_the_runtime_gives_it(name: str, full: str) -> None:
    assert full_name(name) == full


def test_a_containerfile_tells_its_name_and_what_it_starts_from() -> None:
    text = """# docker build -f deploy/a.Containerfile -t todo-a:0.1.0 .
FROM python:3.13-slim AS build
RUN true
FROM build
FROM scratch
FROM ghcr.io/a/b
"""
    assert name_in(text) == "docker.io/library/todo-a:0.1.0"
    assert bases_in(text) == ["docker.io/library/python:3.13-slim", "ghcr.io/a/b:latest"]
    assert name_in("FROM scratch\n") == ""
    assert stages_in(text) == ["build"]
    assert stages_in("FROM a AS build\nFROM a\nCOPY --from=build /a /a\n") == []


def test_every_image_of_the_manifests_is_built_or_has_a_stand_in() -> None:
    built = {name_in(file.read_text(encoding="utf-8")) for file in containerfiles(dev.ROOT)}
    known = built | {full_name(name) for name in STAND_INS}
    text = "\n".join(file.read_text(encoding="utf-8") for file in sorted(DEPLOYED.glob("*.yaml")))
    named = {full_name(name) for name in re.findall(r"^ +(?:- )?image: *(\S+)", text, re.MULTILINE)}
    assert named == known


def test_a_stand_in_has_the_user_that_the_manifests_run_it_as() -> None:
    images = dev.ROOT / "engines" / "cluster" / "images"
    users = {}
    for file in DEPLOYED.glob("*.yaml"):
        for manifest in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            if manifest["kind"] == "StatefulSet":
                spec = manifest["spec"]["template"]["spec"]
                users[spec["containers"][0]["image"]] = spec["securityContext"]["runAsUser"]
    said = {}
    for name, stand_in in STAND_INS.items():
        text = (images / f"{stand_in}.Containerfile").read_text(encoding="utf-8")
        said[name] = int(re.findall(r"^USER (\d+)$", text, re.MULTILINE)[-1])
    assert said == users


def test_the_product_s_packages_are_those_of_its_containerfiles() -> None:
    wanted = requirements(dev.ROOT)
    assert any(each.startswith("hatchling") for each in wanted)
    assert any(each.startswith("fastapi") for each in wanted)
    assert any(each.startswith("psycopg") for each in wanted)
    files = {str(each.relative_to(dev.ROOT)) for each in context_files(dev.ROOT)}
    assert {"pyproject.toml", "src/outboard/__init__.py", "deploy/kubernetes/backend.Containerfile"} <= files
    assert not any("__pycache__" in each for each in files)


def test_an_index_names_its_images_as_containerd_reads_it() -> None:
    made = index([("docker.io/library/a:1", b"{}")])
    assert made["schemaVersion"] == 2
    assert made["manifests"] == [
        {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": f"sha256:{hashlib.sha256(b'{}').hexdigest()}",
            "size": 2,
            "annotations": {"io.containerd.image.name": "docker.io/library/a:1"},
        }
    ]


@pytest.mark.parametrize(
    ("system", "machine", "uid", "says"),
    [
        ("Darwin", "arm64", 0, "Linux only"),
        ("Windows", "AMD64", 0, "Linux only"),
        ("Linux", "aarch64", 0, "x86_64 only"),
        ("Linux", "x86_64", 1000, "root"),
    ],
)
def test_what_a_machine_lacks_is_told_in_a_line(system: str, machine: str, uid: int, says: str) -> None:
    missing = what_is_missing(system, machine, uid)
    assert says in missing
    assert "\n" not in missing


@pytest.mark.parametrize(
    ("there", "says"),
    [
        (["cgroup.controllers", "cpu.stat"], "control groups are of version 2 here"),
        (["cpu/", "cpuset/", "devices/", "freezer/", "pids/"], "lacks memory"),
        ([], "lacks cpu, cpuset, devices, freezer, memory, pids"),
    ],
)
def test_control_groups_of_another_version_are_told(
    there: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in there:
        place = tmp_path / name
        place.mkdir() if name.endswith("/") else place.touch()
    monkeypatch.setattr("engines.cluster.machine.CGROUPS", tmp_path)
    missing = what_is_missing("Linux", "x86_64", 0)
    assert says in missing
    assert "\n" not in missing


def test_the_engine_refuses_where_the_machine_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    said: list[str] = []
    assert set_up(select(["cluster"])[0], tmp_path, said.append) is False
    assert [line for line in said if "Linux only" in line]


def test_dapr_is_as_it_comes_but_for_its_scheduler() -> None:
    values = chart_values("1.18.1")
    assert values["global"] == {
        "registry": "outboard.test/dapr",
        "tag": "1.18.1",
        "imagePullPolicy": "Never",
        "scheduler": {"enabled": False},
    }
    assert "scheduler" not in CONTROL_PLANE


def test_two_clones_have_other_control_groups_for_a_cluster_of_the_same_name(tmp_path: Path) -> None:
    one, other = (Run.named(tmp_path / clone, "default") for clone in ("one", "other"))
    assert one.cgroup != other.cgroup
    assert one.cgroup.startswith("outboard-default-")


def test_settings_are_about_the_run_they_are_written_for(tmp_path: Path) -> None:
    run = Run.named(tmp_path, "default")
    told = json.loads(kubelet(run, tmp_path / "resolv.conf"))
    assert told["cgroupRoot"] == f"/{run.cgroup}"
    assert set(told["evictionHard"].values()) == {"0%"}
    assert str(run.kubeconfig_of("dns")) in core_dns(run)
    assert json.loads(kubeconfig("https://127.0.0.1:1", "Y2E=", "t"))["users"] == [
        {"name": "user", "user": {"token": "t"}}
    ]
    made = volume("disk", 5, tmp_path)
    assert made["spec"]["local"] == {"path": str(tmp_path)}  # type: ignore[index]


@pytest.mark.parametrize(
    ("line", "own", "rest"),
    [
        ("cluster up --port 1", "cluster up --port 1", ""),
        ("cluster kubectl get pods -A --output json", "cluster kubectl", "get pods -A --output json"),
        ("cluster kubectl --help", "cluster kubectl", "--help"),
    ],
)
def test_what_follows_kubectl_goes_to_kubectl(line: str, own: str, rest: str) -> None:
    assert dev.split_off(line.split()) == (own.split(), rest.split())
