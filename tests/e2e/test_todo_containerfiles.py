"""The Containerfiles of the to-do system: what they copy is there, and is enough for the service to start.

No image is built. What the last stage copies is copied, and its command started, with the environment of the
Deployment and the packages of the tests.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from support.processes import eventually, free_ports, running

ROOT = Path(__file__).parents[2]
DEPLOYED = ROOT / "deploy" / "kubernetes"


@dataclass(frozen=True)
class Image:
    """What a Containerfile says: the stages' copies (source, target), and the last one's settings."""

    copies: tuple[tuple[str, str], ...]
    needed: tuple[str, ...]
    environment: dict[str, str]
    user: str
    port: str
    command: tuple[str, ...]

    @classmethod
    def of(cls, file: Path) -> Image:
        stages: list[list[list[str]]] = []
        for line in file.read_text(encoding="utf-8").splitlines():
            words = line.split()
            if words and words[0] == "FROM":
                stages.append([])
            elif words and not words[0].startswith("#"):
                stages[-1].append([words[0], line.removeprefix(words[0]).strip()])
        *before, last = stages
        said = dict(last)
        copies = [rest.split() for word, rest in last if word == "COPY" and not rest.startswith("--from")]
        variables = dict(each.partition("=")[::2] for each in said["ENV"].split())
        return cls(
            tuple((source, target) for source, target in copies),
            tuple(rest.split()[0] for stage in before for word, rest in stage if word == "COPY"),
            variables,
            said["USER"],
            said["EXPOSE"],
            tuple(json.loads(said["CMD"])),
        )


def container(app: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The pod's spec of the Deployment, and its only container."""
    for manifest in yaml.safe_load_all((DEPLOYED / f"40-{app}.yaml").read_text(encoding="utf-8")):
        if manifest["kind"] == "Deployment":
            spec = manifest["spec"]["template"]["spec"]
            return spec, spec["containers"][0]
    raise AssertionError("there is no Deployment")


@pytest.mark.parametrize("app", ["backend", "notification"])
def test_an_image_has_what_its_pod_needs(app: str, tmp_path: Path) -> None:
    image = Image.of(DEPLOYED / f"{app}.Containerfile")
    spec, found = container(app)
    assert all((ROOT / each).exists() for each in image.needed)
    assert str(spec["securityContext"]["runAsUser"]) == image.user
    assert str(found["ports"][0]["containerPort"]) == image.port == image.environment["APP_PORT"]
    for source, target in image.copies:
        there, here = ROOT / source, tmp_path / target
        if there.is_dir():
            shutil.copytree(there, here, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(there, here)
    port = free_ports(1)[0]
    told = {each["name"]: each["value"] for each in found["env"]}
    told |= {"APP_HOST": "127.0.0.1", "APP_PORT": str(port)}
    if "DATABASE_URL" in told:
        told["DATABASE_URL"] = f"sqlite:///{(tmp_path / 'todo.db').as_posix()}"
    program, *rest = image.command
    assert program == "python"
    with running([sys.executable, *rest], tmp_path, **told) as service:
        path = found["readinessProbe"]["httpGet"]["path"]
        eventually(lambda: answers(f"http://127.0.0.1:{port}{path}"), lambda: service.output, service)


def answers(address: str) -> bool:
    try:
        return httpx.get(address, trust_env=False).is_success
    except httpx.TransportError:
        return False
