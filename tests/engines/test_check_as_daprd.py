"""What `outboard check` finds, the real daprd trips over, in the words of tests/support/said_by_daprd.py.

The wrong case of each rule that daprd can judge is loaded: by one daprd where it goes on, else by its own.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from support.engines import engine
from support.processes import free_ports
from support.rule_cases import RuleCase, read_cases
from support.said_by_daprd import ENDED, LOADED, NOT_LOADED

READY = re.compile(r"dapr initialized|level=fatal")
FATAL = re.compile(r"level=fatal")
PATIENCE = 60.0
CASES = {each.code: each for each in read_cases() if each.fires}
"""The last case of each rule, which its page shows."""
OF_CLUSTER = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "1"}
"""What a pod has, whether it has a token or not."""
NAMED = {
    "OB008": "ob008-cache",
    "OB507": "ob507-events",
    "OB013": "CASE_OB013",
    "OB701": "ob701-kafka-pubsub",
}
NAMED |= {code: f"{code.lower()}-" for code in NOT_LOADED if code not in NAMED}
"""What a line about the case's wrong resource would name."""
SYNTAX = (
    CASES["OB204"].files["resources.yaml"].replace('event.type.startWith("shop.")', 'event.type = "shop"')
)
INSTEAD = {
    "OB204": SYNTAX,
    "OB613": "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: kubernetes\n"
    "spec:\n  type: secretstores.kubernetes\n  version: v1\n",
}
"""Where the case is a pod: the component that the operator gives its daprd. For an unknown function, of
which daprd says nothing and never gets ready: a rule that cannot be read."""
pytestmark = pytest.mark.engine("daprd")


def written(case: RuleCase, folder: Path) -> None:
    """The files of `case`, each resource with a name of the case's own, for any app."""
    for index, (name, text) in enumerate(case.files.items()):
        text = re.sub(r"^  version: (v\d)$", r"  version: \1\n  ignoreErrors: true", text, flags=re.M)
        text = re.sub(r"^  name: ", f"  name: {case.code.lower()}-", text, flags=re.M)
        text = re.sub(r"^scopes:\n(  - .*\n)+", "", text, flags=re.M)
        if case.code == "OB113":  # what is in memory is asked for its keys without a server
            text = text.replace("state.redis", "state.in-memory")
        target = folder / f"{case.code}-{index}{''.join(Path(name).suffixes)}"
        if case.code == "OB507" and name != "dapr.yaml":
            target = folder / "more" / target.name
        target.parent.mkdir(exist_ok=True)
        target.write_text(text, encoding="utf-8")


def log_of_daprd(
    executable: Path, folder: Path, log: Path, *more: str, until: re.Pattern[str] = READY
) -> str:
    """What daprd logs until it is ready, or ends; one that ends may say before that it is ready."""
    http, grpc, internal = free_ports(3)
    command = [
        *(str(executable), "--app-id", "shop", "--resources-path", str(folder)),
        *("--dapr-http-port", str(http), "--dapr-grpc-port", str(grpc)),
        *("--dapr-internal-grpc-port", str(internal), "--enable-metrics=false"),
        *("--dapr-listen-addresses", "127.0.0.1", "--dapr-internal-grpc-listen-address", "127.0.0.1", *more),
    ]
    variables = {**os.environ, "NAMESPACE": "todo-chatbot", "HOME": str(folder)}
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, cwd=folder, env={**variables, **OF_CLUSTER}
        )
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
def log(executable: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What one daprd says of all the cases that do not end it."""
    folder = tmp_path_factory.mktemp("resources")
    for code in (*LOADED, *NOT_LOADED):
        case = CASES[code]
        if code in {"OB301", "OB306"}:  # the policies alone: nobody is to look for a broker
            files = {name: only_resiliency(text) for name, text in case.files.items()}
            case = RuleCase(code, True, {name: text for name, text in files.items() if text})
        written(case, folder)
    return log_of_daprd(executable, folder, tmp_path_factory.mktemp("log") / "daprd.log")


def only_resiliency(text: str) -> str:
    """With a Configuration for a component, so that what stood second still does."""
    documents = text.split("---\n")
    kept = [each if "kind: Resiliency" in each else "kind: Other\n" for each in documents]
    return "---\n".join(kept) if "kind: Resiliency" in text else ""


@pytest.mark.parametrize("code", LOADED)
def test_daprd_says_so(code: str, log: str) -> None:
    assert LOADED[code] in log


@pytest.mark.parametrize("code", NOT_LOADED)
def test_daprd_passes_it_over_without_a_word(code: str, log: str) -> None:
    assert "ob301-resiliency" in log, "what is loaded, or is to be, is named by its name"
    assert "ob108-" in log
    assert NAMED[code] not in log


@pytest.mark.parametrize("code", ENDED)
def test_daprd_ends(code: str, executable: Path, tmp_path: Path) -> None:
    folder = tmp_path / "resources"
    folder.mkdir()
    written(CASES[code], folder) if code not in INSTEAD else (folder / "it.yaml").write_text(INSTEAD[code])
    port = ("--app-port", "3500", "--dapr-http-port", "3500") if "3500" in ENDED[code] else ()
    said = log_of_daprd(executable, folder, tmp_path / "daprd.log", *port, until=FATAL)
    assert "level=fatal" in said
    assert ENDED[code] in said
