"""The records of pods are copied by port-forward; what cannot be seen is said, and the rest is copied."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from outboard.doctor.cluster_evidence import Unseen
from outboard.doctor.kubernetes.api import Access, ApiRefused, PodStream
from outboard.doctor.kubernetes.records import RecordsOfPods
from outboard.errors import CommandError
from outboard.wire.shown_record import RecordFile, listing, piece_path
from support.port_forward import Answer, answering

TOKEN = "open-sesame"
ANNOTATIONS = {
    "dapr.io/enabled": "true",
    "dapr.io/app-port": "8000",
    "dapr.io/app-token-secret": "app-token",
}
RECORD = "/dapr/outboard/hops"


def name(pod: str) -> str:
    return f"1700000000000-{pod}-kit-1-a1b2c3-1.hops.jsonl"


def shows(*files: str, content: str = "hops\n") -> dict[str, Answer]:
    """What an app answers whose record has these files."""
    answers: dict[str, Answer] = {piece_path(each, 0): (200, content) for each in files}
    return answers | {RECORD: (200, listing([RecordFile(each, len(content)) for each in files]).decode())}


@dataclass
class FakeApi:
    """The API of a cluster with pods, behind the ports of which `answers` are."""

    annotations: dict[str, Mapping[str, str]]
    answers: dict[str, Mapping[str, Answer]]
    tokens: dict[str, str] = field(default_factory=lambda: {"app-token": TOKEN})
    secrets: list[str] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    unseen: list[Unseen] = field(default_factory=list)
    forwarded: list[str] = field(default_factory=list)

    async def get(self, path: str, *, namespace: str = "", **query: str) -> Any:
        if status := self.refused.get(path):
            raise ApiRefused(status, f"you may not get {path}")
        kind, _, of = path.partition("/")
        if kind == "secrets":
            if of not in self.tokens:
                raise ApiRefused(404, "there is none")
            return {"data": {"token": base64.b64encode(self.tokens[of].encode()).decode()}}
        return {"items": [_pod(pod, given) for pod, given in self.annotations.items()]}

    def miss(self, what: str, why: ApiRefused, verb: str, resource: str, namespace: str) -> None:
        self.unseen.append(Unseen(what, str(why), verb, resource, namespace))

    @asynccontextmanager
    async def stream(self, pod: str, namespace: str, port: int) -> AsyncIterator[PodStream]:
        self.forwarded.append(f"{pod}:{port}")
        if status := self.refused.get(pod):
            raise ApiRefused(status, "you may not create pods/portforward")
        with answering(self.answers[pod], TOKEN)() as connection:
            connection.setblocking(False)
            yield _Stream(connection, port)


class _Stream:
    """A connection as a port-forward: the first message of each channel is the port."""

    def __init__(self, connection: socket.socket, port: int) -> None:
        self._connection = connection
        self._first = [bytes([channel]) + port.to_bytes(2, "little") for channel in (0, 1)]

    async def send(self, message: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self._connection, message[1:])

    async def receive(self) -> bytes:
        if self._first:
            return self._first.pop(0)
        data = await asyncio.get_running_loop().sock_recv(self._connection, 65_536)
        return b"\0" + data if data else b""


def _pod(pod: str, annotations: Mapping[str, str]) -> dict[str, Any]:
    containers = [{"name": "app", "ports": [{"containerPort": 8123}]}, {"name": "daprd"}]
    metadata = {"name": pod, "namespace": "todo", "annotations": dict(annotations), "labels": {}}
    return {"metadata": metadata, "spec": {"containers": containers}, "status": {"phase": "Running"}}


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as running:
        yield running


def records(api: FakeApi, folder: Path, runner: asyncio.Runner) -> RecordsOfPods:
    return RecordsOfPods("todo", folder, cast(Access, api), runner)


def copied(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_the_records_of_all_pods_come_into_one_folder_and_grow(
    tmp_path: Path, runner: asyncio.Runner
) -> None:
    answers: dict[str, Mapping[str, Answer]] = {pod: shows(name(pod)) for pod in ("one", "two")}
    api = FakeApi(dict.fromkeys(answers, ANNOTATIONS), answers)
    found = records(api, tmp_path, runner)
    assert found.copy() == []
    assert copied(tmp_path) == {name("one"): "hops\n", name("two"): "hops\n"}

    grown = listing([RecordFile(name("one"), 10)]).decode()
    api.answers["one"] = {RECORD: (200, grown), piece_path(name("one"), 5): (200, "more\n")}
    assert found.copy() == []
    assert copied(tmp_path) == {name("one"): "hops\nmore\n", name("two"): "hops\n"}


def test_a_record_that_two_pods_have_in_one_volume_is_copied_once(
    tmp_path: Path, runner: asyncio.Runner
) -> None:
    shared = shows(name("one"))
    api = FakeApi({"one": ANNOTATIONS, "two": ANNOTATIONS}, {"one": shared, "two": shared})
    assert records(api, tmp_path, runner).copy() == []
    assert copied(tmp_path) == {name("one"): "hops\n"}


def test_without_the_annotation_of_a_port_that_of_the_container_is_asked(
    tmp_path: Path, runner: asyncio.Runner
) -> None:
    given = {key: value for key, value in ANNOTATIONS.items() if key != "dapr.io/app-port"}
    api = FakeApi({"one": given}, {"one": shows(name("one"))})
    assert records(api, tmp_path, runner).copy() == []
    assert api.forwarded == ["one:8123"]


GRPC = ANNOTATIONS | {"dapr.io/app-protocol": "grpc"}
TOKENLESS = {"dapr.io/enabled": "true", "dapr.io/app-port": "8000"}
STRANGE = listing([RecordFile("../../evil.hops.jsonl", 5)]).decode()


@pytest.mark.parametrize(
    ("annotations", "answers", "refused", "words"),
    [
        (ANNOTATIONS, {}, {"one": 403}, "you may not create pods/portforward"),
        (ANNOTATIONS, {}, {"secrets/app-token": 403}, "could not be read from the Secret 'app-token'"),
        (ANNOTATIONS, {}, {}, "the app keeps none: OUTBOARD_HOPS is not set"),
        (ANNOTATIONS, {RECORD: (403, "inside the pod alone")}, {}, "answers 403 inside the pod alone"),
        (ANNOTATIONS, {RECORD: (200, "<html>")}, {}, "what is no record"),
        (ANNOTATIONS, {RECORD: (200, STRANGE)}, {}, "no file of a record"),
        (GRPC, {}, {}, "the app speaks grpc"),
        (TOKENLESS, {}, {}, "the app has no token"),
    ],
)
def test_what_cannot_be_seen_is_said_once_and_the_rest_is_copied(
    annotations: Mapping[str, str],
    answers: Mapping[str, Answer],
    refused: dict[str, int],
    words: str,
    tmp_path: Path,
    runner: asyncio.Runner,
) -> None:
    other = ANNOTATIONS | {"dapr.io/app-token-secret": "other-token"}
    api = FakeApi({"one": annotations, "two": other}, {"one": answers, "two": shows(name("two"))})
    api.tokens["other-token"] = TOKEN
    api.refused.update(refused)
    found = records(api, tmp_path, runner)
    (said,) = found.copy()
    assert said.startswith("the record of one could not be read: ")
    assert words in said
    assert "kubectl cp -n todo -c app one:FOLDER hops" in said
    assert TOKEN not in said
    assert found.copy() == []
    assert copied(tmp_path) == {name("two"): "hops\n"}


def test_pods_with_the_same_reason_are_told_together(tmp_path: Path, runner: asyncio.Runner) -> None:
    api = FakeApi({"two": ANNOTATIONS, "one": ANNOTATIONS}, {"one": {}, "two": {}})
    (said,) = records(api, tmp_path, runner).copy()
    assert "the record of one, two could not be read" in said


@pytest.mark.parametrize(
    ("pods", "status", "words"),
    [
        ({"one": ANNOTATIONS}, 403, "the pods of namespace todo cannot be seen"),
        ({"one": ANNOTATIONS}, 500, "the cluster cannot be asked"),
        ({}, 0, "namespace todo has no pod with a sidecar"),
    ],
)
def test_where_no_pod_can_be_asked_that_is_an_error(
    pods: dict[str, Mapping[str, str]], status: int, words: str, tmp_path: Path, runner: asyncio.Runner
) -> None:
    api = FakeApi(pods, {}, refused={"pods": status})
    with pytest.raises(CommandError, match=words):
        records(api, tmp_path, runner).copy()


def test_a_record_that_is_too_large_is_cut_and_that_is_said(
    tmp_path: Path, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outboard.doctor.kubernetes.records.MOST_OF_A_POD", 5)
    later = name("one").replace("-1.", "-2.")
    api = FakeApi({"one": ANNOTATIONS}, {"one": shows(name("one"), later)})
    (said,) = records(api, tmp_path, runner).copy()
    assert "the rest is left out" in said
    assert copied(tmp_path) == {name("one"): "hops\n"}
