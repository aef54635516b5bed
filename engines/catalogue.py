"""The engines by name: what each is for, where it is found, how it comes onto a machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from engines.cluster import build as cluster
from engines.cluster.machine import TOOLS
from engines.daprd import build, suite
from engines.kafka import build as kafka
from engines.kubernetes import build as kubernetes
from engines.places import find_browser, find_postgresql, find_redis
from engines.problem import EngineProblem
from engines.yaml_language_server import build as yaml_language_server


@dataclass(frozen=True)
class Engine:
    """One engine. `find` takes the clone and the environment variables and looks, without changing anything;
    what it finds goes into the record."""

    name: str
    purpose: str
    find: Callable[[Path, Mapping[str, str]], Path | None]
    debian: str = ""
    """The package that Debian installs it from; empty for an engine that is built."""
    elsewhere: Mapping[str, str] | None = None
    """How to install it where this program does not: `platform.system()` → command."""
    build: Callable[[Path, Mapping[str, str]], Path] | None = None
    """Builds it into the clone's `.engines`, and returns the executable or folder. Raises EngineProblem."""
    takes: str = "a minute"
    """How long a person waits for the first `build`."""
    tools: Mapping[str, str] | None = None
    """What `build` calls: command → the Debian package that has it."""

    def missing_packages(self, root: Path, environment: Mapping[str, str]) -> list[str]:
        """The Debian packages that are to be installed before this engine can be found or built."""
        if self.find(root, environment) is not None:
            return []
        path = environment.get("PATH")
        tools = [package for name, package in (self.tools or {}).items() if not shutil.which(name, path=path)]
        return [self.debian, *tools] if self.debian else tools


ENGINES = (
    Engine(
        name="postgresql",
        purpose="the to-do system's other database",
        find=lambda _, environment: find_postgresql(environment),
        debian="postgresql",
        elsewhere={
            "Darwin": "brew install postgresql@17",
            "Windows": "winget install PostgreSQL.PostgreSQL.17",
            "Linux": "your distribution's package of the PostgreSQL server",
        },
    ),
    Engine(
        name="chromium",
        purpose="tests of the pages in a browser",
        find=lambda _, environment: find_browser(environment),
        debian="chromium",
        elsewhere={
            "Darwin": "brew install --cask chromium",
            "Windows": "winget install Google.Chrome",
            "Linux": "your distribution's package of Chromium, or Google Chrome",
        },
    ),
    Engine(
        name="redis",
        purpose="the broker and state store of pubsub.redis and state.redis",
        find=lambda _, environment: find_redis(environment),
        debian="redis-server",
        elsewhere={
            "Darwin": "brew install redis",
            "Windows": "winget install Redis.Redis, or a Redis in WSL",
            "Linux": "your distribution's package of Redis or Valkey",
        },
    ),
    Engine(
        name="kafka",
        purpose="the broker of pubsub.kafka",
        find=lambda root, _: kafka.built(root),
        build=kafka.build,
        takes="half a minute the first time",
        tools={"java": "default-jre-headless", "mvn": "maven"},
    ),
    Engine(
        name="daprd",
        purpose="Dapr's own sidecar, which ours is compared with",
        find=lambda root, _: build.built(root),
        build=build.build,
        takes="about five minutes the first time",
    ),
    Engine(
        name="daprd-suite",
        purpose="daprd's own integration suite, which our sidecar is put to",
        find=lambda root, _: suite.built(root),
        build=suite.build,
        takes="about three minutes the first time",
    ),
    Engine(
        name="kubernetes",
        purpose="the API server that manifests are applied to",
        find=lambda root, _: kubernetes.built(root),
        build=kubernetes.build,
        takes="about eleven minutes the first time",
    ),
    Engine(
        name="cluster",
        purpose="a cluster of one node that runs pods, with Dapr's control plane",
        find=lambda root, _: cluster.built(root),
        build=cluster.build,
        takes="about three minutes the first time, once daprd and kubernetes are there",
        tools={"java": "default-jre-headless", "mvn": "maven", **TOOLS},
    ),
    Engine(
        name="yaml-language-server",
        purpose="what editors complete and mark YAML with",
        find=lambda root, _: yaml_language_server.built(root),
        build=yaml_language_server.build,
        takes="half a minute the first time",
        tools={"npm": "npm", "node": "nodejs"},
    ),
)


def select(names: list[str]) -> list[Engine]:
    """The engines called `names`, or all if there are none. Raises EngineProblem for an unknown name."""
    known = {engine.name: engine for engine in ENGINES}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise EngineProblem(f"there is no engine {', '.join(unknown)}; there are: {', '.join(known)}")
    return [known[name] for name in names] if names else list(ENGINES)
