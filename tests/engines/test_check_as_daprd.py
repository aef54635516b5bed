"""What `outboard check` finds, the real daprd trips over: the line of its log is recorded for each rule.

Rules about what daprd ignores silently have no line; neither have those about servers that are not there.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.engines import engine
from support.processes import free_ports
from support.rule_cases import RuleCase, read_cases

SAYS = {
    "OB001": "error converting YAML to JSON: yaml: line 4: did not find expected key",
    "OB101": "kafka error: 'authType' attribute was missing or empty",
    "OB102": "couldn't find state store state.rediss/v1",
    "OB103": "couldn't find state store state.redis/v2",
    "OB108": "kafka error: missing 'brokers' attribute",
    "OB111": "error decoding 'enableTLS': invalid bool \\\"ture\\\"",
    "OB112": "kafka error: invalid initialOffset: oldes",
    "OB120": "kafka error: missing SASL Password for authType 'password'",
    "OB301": "error decoding 'duration': invalid duration \\\"1 second\\\"",
    "OB709": "references a secret store that isn't loaded: locl-env",
}
"""What daprd logs where the rule fires; with `ignoreErrors` it goes on to the next file."""
ENDS = {
    "OB015": "incorrect type",
    "OB702": "duplicate definition of Component name",
}
"""What it ends with, whatever `ignoreErrors` says."""
READY = re.compile(r"dapr initialized|level=fatal")
ENDED = re.compile(r"level=fatal")
PATIENCE = 60.0
CASES = {each.code: each for each in read_cases() if each.fires}
pytestmark = pytest.mark.engine("daprd")


def written(case: RuleCase, folder: Path) -> None:
    """The files of `case`, each resource with a name of the case's own, for any app."""
    for index, text in enumerate(case.files.values()):
        text = re.sub(r"^  version: (v\d)$", r"  version: \1\n  ignoreErrors: true", text, flags=re.M)
        text = re.sub(r"^  name: ", f"  name: {case.code.lower()}-", text, flags=re.M)
        text = re.sub(r"^scopes:\n(  - .*\n)+", "", text, flags=re.M)
        (folder / f"{case.code}-{index}.yaml").write_text(text, encoding="utf-8")


def log_of_daprd(executable: Path, folder: Path, log: Path, until: re.Pattern[str] = READY) -> str:
    """What daprd logs until it is ready, or ends; one that ends may say before that it is ready."""
    http, grpc, internal = free_ports(3)
    command = [
        *(str(executable), "--app-id", "shop", "--resources-path", str(folder)),
        *("--dapr-http-port", str(http), "--dapr-grpc-port", str(grpc)),
        *("--dapr-internal-grpc-port", str(internal), "--enable-metrics=false"),
        *("--dapr-listen-addresses", "127.0.0.1", "--dapr-internal-grpc-listen-address", "127.0.0.1"),
    ]
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, cwd=folder)
    try:
        deadline = time.monotonic() + PATIENCE
        while not until.search(log.read_text(encoding="utf-8")) and process.poll() is None:
            assert time.monotonic() < deadline, "daprd is neither ready nor at its end"
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait(PATIENCE)
    return log.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def executable(pytestconfig: pytest.Config) -> Path:
    return engine("daprd", pytestconfig)


@pytest.fixture(scope="module")
def log(executable: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What one daprd says of all the cases that do not end it."""
    folder = tmp_path_factory.mktemp("resources")
    for code in (*SAYS, "OB306"):
        case = CASES[code]
        if code in {"OB301", "OB306"}:  # the policies alone: nobody is to look for a broker
            files = {name: only_resiliency(text) for name, text in case.files.items()}
            case = RuleCase(code, True, {name: text for name, text in files.items() if text})
        written(case, folder)
    yield log_of_daprd(executable, folder, tmp_path_factory.mktemp("log") / "daprd.log")


def only_resiliency(text: str) -> str:
    """With a Configuration for a component, so that what stood second still does."""
    documents = text.split("---\n")
    kept = [each if "kind: Resiliency" in each else "kind: Other\n" for each in documents]
    return "---\n".join(kept) if "kind: Resiliency" in text else ""


@pytest.mark.parametrize("code", SAYS)
def test_daprd_says_so(code: str, log: str) -> None:
    assert SAYS[code] in log


def test_daprd_ignores_a_resiliency_that_is_not_first(log: str) -> None:
    assert "ob301-resiliency" in log
    assert "ob306-resiliency" not in log


@pytest.mark.parametrize("code", ENDS)
def test_daprd_ends(code: str, executable: Path, tmp_path: Path) -> None:
    folder = tmp_path / "resources"
    folder.mkdir()
    written(CASES[code], folder)
    said = log_of_daprd(executable, folder, tmp_path / "daprd.log", until=ENDED)
    assert "level=fatal" in said
    assert ENDS[code] in said


def test_daprd_reads_neither_other_extensions_nor_subfolders(executable: Path, tmp_path: Path) -> None:
    """What OB008 and OB507 are about."""
    folder = tmp_path / "resources"
    (folder / "deeper").mkdir(parents=True)
    for name, file in (
        ("read", "a.yml"),
        ("txt", "b.yaml.txt"),
        ("json", "c.json"),
        ("sub", "deeper/d.yaml"),
    ):
        head = f"apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: {name}-store\n"
        text = f"{head}spec:\n  type: state.in-memory\n  version: v1\n"
        (folder / file).write_text(text, encoding="utf-8")
    said = log_of_daprd(executable, folder, tmp_path / "daprd.log")
    assert "read-store" in said
    assert [name for name in ("txt", "json", "sub") if f"{name}-store" in said] == []
