"""Files as they are found: folders, streams, what is no YAML, and what is hostile."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from outboard.check import reading
from outboard.check.main import check_files
from outboard.check.reading import read_paths, read_stream, source_file
from outboard.errors import CommandError

COMPONENT = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: store
spec:
  type: state.in-memory
  version: v1
"""
UNKNOWN = COMPONENT.replace("in-memory", "in-memori").replace("store", "other")


def codes(folder: Path) -> list[tuple[str, str, int]]:
    report = check_files(read_paths([folder], None))
    return [
        (Path(each.finding.hit.file).name, each.finding.rule.code, each.finding.hit.span.line)
        for each in report.places
    ]


def test_folders_are_walked_but_for_hidden_ones(tmp_path: Path) -> None:
    for name in ("a/b/c.yaml", "a/d.yml", "a/e.json", ".git/f.yaml", "node_modules/g.yaml", "a/.h/i.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(COMPONENT, encoding="utf-8")
    read = read_paths([tmp_path], None)
    assert [Path(each.name).name for each in read if not each.is_misnamed] == ["c.yaml", "d.yml"]
    assert [Path(each.name).name for each in read if each.is_misnamed] == ["e.json"]


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(COMPONENT, encoding="utf-8")
    assert len(read_paths([tmp_path, tmp_path / "a.yaml"], None)) == 1


def test_a_pattern_excludes(tmp_path: Path) -> None:
    for name in ("a/x.yaml", "b/y.yaml"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(COMPONENT, encoding="utf-8")
    assert [Path(each.name).name for each in read_paths([tmp_path], None, ["b/**"])] == ["x.yaml"]


def test_a_path_that_is_not_there_is_a_mistake_of_usage(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="there is no"):
        read_paths([tmp_path / "x"], None)


def test_of_files_of_others_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "workflow.yml").write_text("on: push\non: push\njobs: {", encoding="utf-8")
    assert read_paths([tmp_path], None) == []


def test_a_document_that_cannot_be_read_does_not_hide_the_next(tmp_path: Path) -> None:
    broken = COMPONENT.replace("  type:", " type:")
    (tmp_path / "a.yaml").write_text(f"{COMPONENT}---\n{broken}---\n{UNKNOWN}", encoding="utf-8")
    assert codes(tmp_path) == [("a.yaml", "OB001", 15), ("a.yaml", "OB102", 22)]


def test_binary_and_huge_files_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.yaml").write_bytes(b"apiVersion: dapr.io/v1alpha1\0")
    (tmp_path / "b.yaml").write_text(COMPONENT * 20, encoding="utf-8")
    monkeypatch.setattr("outboard.check.reading.LARGEST", 1000)
    assert codes(tmp_path) == [("a.yaml", "OB004", 0), ("b.yaml", "OB004", 0)]


def test_what_is_no_utf_8_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(COMPONENT.encode() + b"# \xff\n")
    assert codes(tmp_path) == [("a.yaml", "OB001", 8)]


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 5000,
        "".join(" " * depth + "a:\n" for depth in range(2000)),
        "- " * 5000 + "a",
        "apiVersion: dapr.io/v1alpha1\nkind: Component\nx: &a\n  y: *a\n",
        "? [dapr.io]\n: x\n",
        "!!python/object/apply:os.system ['echo dapr']",
        "\x1b dapr",
    ],
    ids=["brackets", "mappings", "lists", "itself", "key", "tag", "control"],
)
def test_a_hostile_file_has_at_most_findings(text: str) -> None:
    report = check_files([source_file("a.yaml", text)])
    assert {each.finding.rule.code for each in report.places} <= {"OB001"}


def test_a_list_of_kubernetes_is_what_it_holds() -> None:
    inner = "\n".join("    " + line for line in UNKNOWN.splitlines()).replace("    api", "  - api", 1)
    report = check_files([source_file("a.yaml", f"apiVersion: v1\nkind: List\nitems:\n{inner}\n")])
    assert [each.finding.rule.code for each in report.places] == ["OB102"]


def test_what_kustomize_puts_into_others_is_no_whole_resource(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\npatches:\n  - path: patch.yaml\n",
        encoding="utf-8",
    )
    patch = "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: store\n"
    (tmp_path / "patch.yaml").write_text(patch, encoding="utf-8")
    assert codes(tmp_path) == []
    (tmp_path / "other.yaml").write_text(patch, encoding="utf-8")
    assert codes(tmp_path) == [("other.yaml", "OB015", 2)]


@pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="links need rights there")
def test_a_link_to_nowhere_does_not_keep_from_the_rest(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to(tmp_path / "gone.yaml")
    (tmp_path / "b.yaml").write_text(UNKNOWN, encoding="utf-8")
    assert codes(tmp_path) == [("a.yaml", "OB004", 0), ("b.yaml", "OB102", 6)]


def test_in_a_long_stream_one_document_that_cannot_be_read_is_one_finding() -> None:
    broken = COMPONENT.replace("  type:", " type:")
    text = "---\n".join([COMPONENT.replace("store", f"store-{number}") for number in range(400)] + [broken])
    file = source_file("(standard input)", text, is_stream=True)
    assert (len(file.documents), len(file.errors)) == (400, 1)
    assert check_files([file]).places[0].finding.hit.span.line == 400 * 8 + 7


def test_standard_input_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LARGEST", 8)
    assert read_stream(io.BytesIO(b"\xef\xbb\xbfa: 1")) == "a: 1"
    with pytest.raises(CommandError, match="standard input has more than"):
        read_stream(io.BytesIO(b"a: 12345678"))


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"", "OB501", 0),
        (b"# nothing yet\n", "OB501", 0),
        (b"- shop\n", "OB501", 0),
        (b"version: 1\napp:\n  - appID: shop\n", "OB501", 1),
        (b"version: 1\nservices: [\n", "OB001", 3),
        (b"\xffversion: 1\n", "OB001", 1),
        ("version: 1\n".encode("utf-16"), "OB001", 1),
    ],
    ids=["empty", "comment", "list", "no apps", "broken", "no UTF-8", "UTF-16"],
)
def test_a_run_file_that_describes_no_app_is_an_error(
    tmp_path: Path, content: bytes, code: str, line: int
) -> None:
    (tmp_path / "dapr.yaml").write_bytes(content)
    assert codes(tmp_path) == [("dapr.yaml", code, line)]


@pytest.mark.parametrize("content", ["global:\n  ha: true\n", COMPONENT], ids=["values", "component"])
def test_another_file_of_that_name_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "dapr.yaml").write_text(content, encoding="utf-8")
    assert not {code for _, code, _ in codes(tmp_path)} & {"OB001", "OB501"}


def test_a_resource_in_utf_16_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(COMPONENT, encoding="utf-16")
    assert codes(tmp_path) == [("a.yaml", "OB001", 1)]
