"""daprd's flags and ours: a command line of one is a command line of the other."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal

from conformance.question import Group
from conformance.sidecars import Program, running
from outboard.sidecar.process.flags import FLAGS, UNSERVED, Flag

pytestmark = [pytest.mark.engine("daprd"), pytest.mark.timeout(120)]

HELP = re.compile(r"^\s+--([\w-]+)(?: (\w+))?\s{2,}", re.MULTILINE)
GIVEN = {"mode", "dapr-internal-grpc-port"}
"""To every sidecar of these tests."""
LATER = {"app-binding-options-timeout", "hot-reload-reconcile-interval"}
"""Flags that daprd has only after the version that is followed."""
VALUES = {
    "actors-disseminate-timeout": "30s",
    "app-binding-options-timeout": "3s",
    "disable-init-endpoints": "config",
    "hot-reload-reconcile-interval": "60s",
    "mode": "standalone",
}


def daprd_says(daprd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(daprd), *arguments], capture_output=True, text=True, encoding="utf-8", timeout=30, check=False
    )


def test_each_flag_of_daprd_is_one_of_ours(daprd: Path) -> None:
    told = daprd_says(daprd, "--help")
    theirs = dict(HELP.findall(told.stdout + told.stderr))
    assert {"app-id", "max-body-size", "enable-mtls"} <= theirs.keys(), "its help is not read as it should be"
    ours = {flag.name: flag for flag in FLAGS}
    assert sorted(theirs.keys() - ours.keys()) == []
    switches = {name for name, kind in theirs.items() if not kind}
    assert switches == {name for name in theirs if isinstance(ours[name].default, bool)}


def test_each_flag_of_ours_is_one_of_daprd(daprd: Path) -> None:
    # It reads all flags before it answers to the last one.
    given = [f"--{flag.name}={_value(flag)}" for flag in FLAGS if flag.name not in LATER]
    told = daprd_says(daprd, *given, "--version=true")
    assert told.returncode == 0, told.stderr
    for name in LATER:
        assert f"unknown flag: --{name}" in daprd_says(daprd, f"--{name}=1s", "--version=true").stderr


def test_what_is_not_served_is_named_once(
    programs: tuple[Program, Program], portal: BlockingPortal, tmp_path: Path
) -> None:
    inert = [flag for flag in FLAGS if flag.inert]
    flags = tuple(f"--{flag.name}={_value(flag, 'true')}" for flag in inert if flag.name not in GIVEN)
    group = Group("inert", (), flags=flags, environment=dict.fromkeys(UNSERVED, "x"), app=False)
    with portal.wrap_async_context_manager(running(programs[1], group, tmp_path)) as sidecar:
        log = (sidecar.folder / "log").read_text(encoding="utf-8")
    for name in (*(f"--{flag.name}" for flag in inert), *UNSERVED):
        assert len(re.findall(rf"(?<![\w-]){re.escape(name)} \(", log)) == 1, name


def _value(flag: Flag, switched: str = "false") -> str:
    """Something that daprd can read for it."""
    return VALUES.get(flag.name) or (switched if isinstance(flag.default, bool) else "0")
