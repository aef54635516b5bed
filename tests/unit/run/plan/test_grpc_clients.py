"""Apps that talk gRPC are told of at the start, with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from outboard.run.plan import grpc_clients
from outboard.run.plan.grpc_clients import with_grpc_clients
from outboard.run.plan.plan import ChosenApps, RunOptions
from outboard.run.plan.template import AppSpec

COMMAND = ("python", "main.py")


def found(*folders: Path, options: RunOptions | None = None, installed: bool = False) -> list[str]:
    apps = ChosenApps([AppSpec(f"app{i}", folder, COMMAND, "x") for i, folder in enumerate(folders)])
    return [
        str(each) for each in with_grpc_clients(apps, options or RunOptions(), installed=installed).findings
    ]


def write(folder: Path, source: str, name: str = "main.py") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("line", "module"),
    [
        ("from dapr.clients import DaprClient", "dapr.clients"),
        ("    from dapr.clients.grpc.client import DaprGrpcClient", "dapr.clients"),
        ("from dapr.ext.langgraph import DaprCheckpointer", "dapr.ext.langgraph"),
        ("import dapr.clients", "dapr.clients"),
        ("from dapr.aio.clients import DaprClient", "dapr.aio.clients"),
        ("from dapr.ext.grpc import App", "dapr.ext.grpc"),
        ("import dapr.ext.workflow as wf", "dapr.ext.workflow"),
    ],
)
def test_an_import_of_a_grpc_client_is_named(tmp_path: Path, line: str, module: str) -> None:
    file = write(tmp_path, f"import json\n\n{line}\n")
    (told,) = found(tmp_path)
    assert told.startswith(f"{file}:3: this imports {module}, which calls the sidecar over gRPC")
    assert "`Connection refused`" in told
    assert "outboard[grpc]" in told
    assert "--engine daprd" in told


def test_what_is_not_served_is_named_with_the_extra_too(tmp_path: Path) -> None:
    file = write(tmp_path, "from dapr.ext.workflow import x\n")
    (told,) = found(tmp_path, installed=True)
    assert told.startswith(f"{file}:1: this imports dapr.ext.workflow, and Outboard's sidecars serve no work")


def test_clients_and_apps_are_served_with_the_extra(tmp_path: Path) -> None:
    imports = ("dapr.clients", "dapr.ext.langgraph", "dapr.ext.grpc")
    write(tmp_path, "".join(f"from {module} import x\n" for module in imports))
    assert found(tmp_path, installed=True) == []


@pytest.mark.parametrize(
    "line",
    [
        "from dapr.ext.fastapi import DaprApp",
        "import dapr",
        "# from dapr.clients import DaprClient",
        "from dapr.clientship import x",
        "from dapr.clients.exceptions import DaprInternalError",
        "from mydapr.clients import x",
    ],
)
def test_what_needs_no_grpc_is_not(tmp_path: Path, line: str) -> None:
    write(tmp_path, f"{line}\n")
    assert found(tmp_path) == []


def test_one_line_for_a_folder_and_none_with_daprd(tmp_path: Path) -> None:
    for name in ("a.py", "b.py"):
        write(tmp_path, "import dapr.clients\n", name)
    assert [told.split(":1:")[0] for told in found(tmp_path, tmp_path)] == [str(tmp_path / "a.py")]
    assert found(tmp_path, options=RunOptions(daprd=Path("daprd"))) == []


@pytest.mark.parametrize("folder", [".venv", "venv", "node_modules", "lib/site-packages"])
def test_packages_are_no_sources(tmp_path: Path, folder: str) -> None:
    write(tmp_path / folder, "import dapr.clients\n")
    assert found(tmp_path) == []
    write(tmp_path / "service", "import dapr.clients\n")
    assert len(found(tmp_path)) == 1


def test_so_many_files_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc_clients, "FILES", 2)
    for name in ("a.py", "b.py"):
        write(tmp_path, "", name)
    write(tmp_path, "import dapr.clients\n", "c.py")
    assert found(tmp_path) == []


def test_an_app_without_a_command_or_a_folder_has_no_sources(tmp_path: Path) -> None:
    write(tmp_path, "import dapr.clients\n")
    apps = ChosenApps([AppSpec("sidecar-alone", tmp_path, (), "x")])
    assert with_grpc_clients(apps, RunOptions(), installed=False).findings == ()
    assert found(tmp_path / "missing") == []
