"""From paths and a stream to files with their documents."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import BinaryIO, Final

from outboard.check.apps import RunApp
from outboard.check.corpus import RUN_FILE, RunFile, SourceFile
from outboard.check.document import Document, child, entries, items, text, texts
from outboard.errors import CommandError, OutboardError, ResourceError
from outboard.resources import document
from outboard.resources.node import Node
from outboard.run.plan.settings import RESOURCES_PATH
from outboard.run.plan.template import AppSpec, parse_template

__all__ = ["STREAM", "read_paths", "read_run_files", "read_stream", "source_file"]

STREAM: Final = "-"
STREAM_NAME: Final = "(standard input)"
SUFFIXES: Final = frozenset({".yaml", ".yml"})
MISTAKEN: Final = frozenset({".txt", ".json", ".yam", ".ymal", ".yaml_", ".yml_"})
"""What stands in the place of `.yaml`. `.bak` and its like say that they are not meant to be read."""
MOST_OF_OTHERS: Final = 64 * 1024
RESOURCE: Final = re.compile(
    r"^\s*[{\"]*apiVersion\"?: *\"?dapr\.io/|\"apiVersion\": *\"dapr\.io/", re.MULTILINE
)
LARGEST: Final = 16 * 1024 * 1024
"""Bytes of a file that is read."""
LEFT_ALONE: Final = frozenset({"node_modules", "__pycache__", "site-packages", "venv"})
KUSTOMIZATION: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
SEPARATOR: Final = "---"
UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""How such a file begins: PowerShell 5 writes one by `>`."""


def read_stream(stream: BinaryIO) -> str:
    """What comes on standard input. Raises CommandError for more than a file may have."""
    content = stream.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise CommandError(
            f"standard input has more than {LARGEST // 1024 // 1024} MiB",
            "Check a part at a time, or write it into files.",
        )
    return content.decode("utf-8-sig", "replace")


def read_paths(paths: Sequence[Path], stream: str | None, exclude: Iterable[str] = ()) -> list[SourceFile]:
    """The files at `paths`, and those in folders that have to do with Dapr or Kubernetes, each once.

    `stream` is what came on standard input, None where it was not asked for. Raises CommandError for a path
    that is not there.
    """
    found = [] if stream is None else [source_file(STREAM_NAME, stream, is_stream=True)]
    patterns = tuple(exclude)
    seen: set[Path] = set()
    others: list[SourceFile] = []
    for path in paths:
        if not path.exists():
            raise CommandError(f"there is no {path}", "Name a file, a folder, or `-` for standard input.")
        named = not path.is_dir()
        for file in [path] if named else sorted(_files(path, patterns)):
            if file.absolute() not in seen:
                seen.add(file.absolute())
                read = _read(file)
                if named or read.documents or read.errors or read.unread or read.is_named_run_file:
                    found.append(read)
                    others += [] if named else _others(file.parent, seen)
    return [*_without_patches(found), *others]


def source_file(name: str, content: str, *, is_stream: bool = False, named: bool = True) -> SourceFile:
    """The documents of `content`; one that cannot be read does not keep from the next."""
    path = Path(name)
    group = name if is_stream else str(path.parent)
    errors: list[ResourceError] = []
    try:
        nodes = document.load(path, content)
    except ResourceError:
        nodes, errors = _piece_by_piece(path, content)
    documents = [
        Document(node, group, index, is_stream)
        for index, outer in enumerate(nodes)
        for node in _of_list(outer)
    ]
    return SourceFile(name, content, tuple(documents), tuple(errors), is_stream=is_stream)


def read_run_files(files: Iterable[SourceFile]) -> list[RunFile]:
    """The run files among `files`; whether the paths in them exist is looked up."""
    return [
        _run_file(each)
        for file in files
        for each in file.documents
        if not each.kind and not each.is_stream and _is_run_file(file, each.node)
    ]


def _run_file(found: Document) -> RunFile:
    try:
        template = parse_template(found.node)
    except ResourceError as error:
        return RunFile(found, error=error, is_placed=_is_placed(found.node))
    except OutboardError:
        return RunFile(found)
    entries_ = items(child(found.node, "apps"))
    apps = tuple(_app(spec, node) for spec, node in zip(template.apps, entries_, strict=True))
    return RunFile(found, apps, template.findings)


def _is_run_file(file: SourceFile, node: Node) -> bool:
    """Whether it describes apps as Dapr's run files do: others have `apps` too."""
    if file.is_named_run_file:
        return any(child(node, key) is not None for key in ("apps", "version", "common"))
    apps = items(child(node, "apps"))
    return child(node, "version") is not None and any(child(each, "appDirPath") for each in apps)


def _is_placed(node: Node) -> bool:
    named = [text(child(each, "appDirPath")) for each in items(child(node, "apps"))]
    return not named or any((node.path.parent / each).exists() for each in named if each)


def _app(spec: AppSpec, node: Node) -> RunApp:
    folders = spec.settings.get(RESOURCES_PATH)
    named = tuple(map(_shown, folders)) if isinstance(folders, tuple) else ()
    return RunApp(
        spec.app_id, node, _shown(str(spec.directory)), named, spec.settings, spec.environment, spec.command
    )


def _shown(path: str) -> str:
    """As a folder that was asked for is named: from where one stands, if it is below."""
    normal = os.path.normpath(path)
    here = Path.cwd()
    return str(Path(normal).relative_to(here)) if Path(normal).is_relative_to(here) else normal


def _files(folder: Path, exclude: Sequence[str]) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(
            each
            for each in folders
            if not each.startswith(".")
            and each not in LEFT_ALONE
            and not _is_excluded(Path(parent, each), exclude)
        )
        for name in names:
            path = Path(parent, name)
            if path.suffix.lower() in SUFFIXES and not _is_excluded(path, exclude):
                yield path


def _others(folder: Path, seen: set[Path]) -> Iterator[SourceFile]:
    """The files of a folder with resources that hold one, too, and that daprd does not read; asked once."""
    if folder.absolute() in seen:
        return
    seen.add(folder.absolute())
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in MISTAKEN and path.is_file() and path.stat().st_size < MOST_OF_OTHERS:
            read = _read(path, lambda content: False)
            if RESOURCE.search(read.text):
                yield SourceFile(str(path), read.text, is_misnamed=True)


def _is_excluded(path: Path, patterns: Sequence[str]) -> bool:
    name = path.as_posix()
    return any(
        fnmatch(name, each) or fnmatch(name, f"*/{each}") or fnmatch(name, f"{each.rstrip('/')}/*")
        for each in patterns
    )


def _read(path: Path, matters: Callable[[str], bool] | None = None) -> SourceFile:
    name = str(path)
    try:
        size = path.stat().st_size
        if size > LARGEST:
            return SourceFile(name, "", unread=f"it has {size // 1024 // 1024} MiB")
        raw = path.read_bytes()
    except OSError as error:
        return SourceFile(name, "", unread=f"it cannot be read: {error.strerror}")
    is_utf_16 = raw.startswith(UTF_16)
    if b"\0" in raw and not is_utf_16:
        return SourceFile(name, "", unread="it is no text")
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        problem = ResourceError(name, line, "not UTF-8 text", "Save the file in UTF-8.")
        likely = raw.decode("utf-16" if is_utf_16 else "latin-1", "replace")
        errors = (problem,) if _matters(path, likely) else ()
        return SourceFile(name, likely if is_utf_16 else raw.decode("utf-8", "replace"), errors=errors)
    is_read = _matters(path, content) if matters is None else matters(content)
    return source_file(name, content) if is_read else SourceFile(name, content)


def _matters(path: Path, content: str) -> bool:
    """Whether it has to do with Dapr or Kubernetes: of a workflow or a compose file nothing is said."""
    if path.name == RUN_FILE:
        return True
    return "apps:" in content or "dapr" in content.lower() or ("apiVersion" in content and "kind" in content)


def _piece_by_piece(path: Path, content: str) -> tuple[list[Node], list[ResourceError]]:
    """Each document read for itself, with the lines that it has in the file."""
    nodes: list[Node] = []
    errors: list[ResourceError] = []
    for first, piece in _pieces(content):
        try:
            nodes += document.load(path, "\n" * first + piece)
        except ResourceError as error:
            errors.append(error)
    return nodes, errors


def _pieces(content: str) -> Iterator[tuple[int, str]]:
    """Each document's text, with the number of lines before it."""
    start, piece = 0, list[str]()
    for number, line in enumerate(content.splitlines(keepends=True)):
        if line.startswith(SEPARATOR) and not line[3:4].strip():
            yield start, "".join(piece)
            start, piece = number, []
        piece.append(line)
    yield start, "".join(piece)


def _of_list(node: Node) -> tuple[Node, ...]:
    """What a List of Kubernetes holds; else the document itself."""
    if text(child(node, "kind")) == "List" and items(child(node, "items")):
        return items(child(node, "items"))
    return (node,) if entries(node) else ()


def _without_patches(files: list[SourceFile]) -> list[SourceFile]:
    """What Kustomize puts into other resources is no whole one."""
    patches = {path for file in files for path in _patches(file)}
    return [
        replace(file, documents=tuple(replace(each, is_patch=True) for each in file.documents))
        if os.path.normpath(file.name) in patches
        else file
        for file in files
    ]


def _patches(file: SourceFile) -> Iterator[str]:
    if Path(file.name).name not in KUSTOMIZATION:
        return
    for each in file.documents:
        named = [*texts(child(each.node, "patchesStrategicMerge")), *texts(child(each.node, "patches"))]
        named += [
            text(child(patch, "path"))
            for key in ("patches", "patchesJson6902")
            for patch in items(child(each.node, key))
        ]
        yield from (os.path.normpath(Path(file.name).parent / name) for name in named if name)
