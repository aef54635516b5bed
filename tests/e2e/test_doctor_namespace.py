"""`outboard doctor` and `trace` with `--namespace` where there is no cluster to look at: what they say,
without a traceback.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from support.projects import PATIENCE, outboard, outboard_program

PROGRAM = """\
import sys
sys.modules["kr8s"] = None  # as where it is not installed
from outboard.cli import main
main(["doctor", "--namespace", "todo-chatbot"])
"""


def told(arguments: list[str], folder: Path, command: str = "doctor") -> tuple[int, str]:
    variables = {"KUBECONFIG": str(folder / "absent"), "KUBERNETES_SERVICE_HOST": ""}
    with outboard([command, *arguments], folder, **variables) as process:
        out, errors = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in errors
    assert out == ""
    return process.returncode, errors


def test_without_the_client_library_it_says_what_to_install(tmp_path: Path) -> None:
    with outboard_program(PROGRAM, tmp_path) as process:
        out, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (2, "")
    assert "--namespace needs a client of Kubernetes" in errors
    assert "pip install 'outboard[kubernetes]'" in errors
    assert "Traceback" not in errors


def test_without_a_kubeconfig_it_says_what_to_name(tmp_path: Path) -> None:
    code, errors = told(["--namespace", "todo-chatbot"], tmp_path)
    assert code == 2
    assert "no cluster is named" in errors
    assert "--kubeconfig" in errors


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--pre"], "--pre asks of a namespace of a cluster"),
        (["--context", "prod"], "--context asks of a namespace of a cluster. Name it with --namespace.\n"),
        (["-n", "todo", "--canary"], "goes with no option of a run"),
        (["-n", "todo", "--dapr-http-port", "3500"], "goes with no option of a run"),
        (["-n", "todo", "-d", "."], "only beside --pre"),
        (["-n", "todo", "--kubeconfig", "nowhere"], "there is no such file"),
        (["-n", "todo", "--watch", "--wait", "1s"], "goes with none of"),
        (["-n", "todo", "--wait", "soon"], "--wait soon"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    arguments: list[str], words: str, tmp_path: Path
) -> None:
    code, errors = told(arguments, tmp_path)
    assert code == 2
    assert words in errors


@pytest.mark.parametrize("content", ["clusters: {", "", "text", "[]", "clusters: 3", "contexts: [{}]"])
def test_a_kubeconfig_that_cannot_be_read_is_told(content: str, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(content, encoding="utf-8")
    code, errors = told(["-n", "todo", "--kubeconfig", str(file)], tmp_path)
    assert code == 2
    assert "kubeconfig" in errors


def test_a_manifest_that_is_no_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    folder.mkdir()
    (folder / "component.yaml").write_text("kind: Component\n  metadata: {", encoding="utf-8")
    code, errors = told(["-n", "todo", "--pre", "-d", str(folder)], tmp_path)
    assert code != 0
    assert "component.yaml" in errors


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--context", "prod"], "--context asks of a namespace. Name it with --namespace.\n"),
        (["-n", "todo", "--run", "a1"], "--namespace looks at a cluster, and --run at this machine"),
        (["-n", "todo", "--erase", "--key", "7"], "and --erase at this machine"),
        (["-n", "todo", "--kubeconfig", "nowhere"], "there is no such file"),
        (["-n", "todo"], "no cluster is named"),
    ],
)
def test_trace_of_a_namespace_says_what_it_needs(arguments: list[str], words: str, tmp_path: Path) -> None:
    code, errors = told(arguments, tmp_path, "trace")
    assert code == 2
    assert words in errors
