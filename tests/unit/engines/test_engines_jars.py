"""Kafka's jars: what is pinned, what is fetched, and what is refused."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from outboard.engines.control import KAFKA_JARS
from outboard.engines.jars import Jar, fetch_jars, missing_jars, pinned_jars
from outboard.errors import EngineUnavailable

FILES = {f"org/example/{name}/1/{name}-1.jar": name.encode() * 1000 for name in ("one", "two", "three")}


def jars(files: Mapping[str, bytes] = FILES) -> list[Jar]:
    return [Jar(hashlib.sha256(content).hexdigest(), path) for path, content in files.items()]


@contextmanager
def repository(files: Mapping[str, bytes] = FILES) -> Iterator[tuple[str, list[str]]]:
    """The URL of a Maven repository with `files`, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.removeprefix("/maven2/")
            asked.append(path)
            content = files.get(path)
            self.send_response(404 if content is None else 200)
            self.end_headers()
            self.wfile.write(content or b"not here")

        def log_message(self, format: str, *arguments: object) -> None:
            """The test has its own list."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/maven2/", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


def test_each_pinned_jar_has_a_digest_and_a_path_of_its_own() -> None:
    pinned = pinned_jars()
    assert all(len(bytes.fromhex(jar.digest)) == 32 for jar in pinned)
    assert len({jar.name for jar in pinned}) == len(pinned) > 30
    version = KAFKA_JARS.removeprefix("kafka-")
    assert f"org/apache/kafka/kafka_2.13/{version}/kafka_2.13-{version}.jar" in {jar.path for jar in pinned}


def test_all_are_fetched_and_the_progress_is_told(tmp_path: Path) -> None:
    said: list[str] = []
    with repository() as (url, _):
        fetch_jars(jars(), tmp_path / "lib", url, said.append)
    assert {file.name: file.read_bytes() for file in (tmp_path / "lib").iterdir()} == {
        jar.name: FILES[jar.path] for jar in jars()
    }
    assert said == ["kafka: 3 of 3 files"]
    assert missing_jars(jars(), tmp_path / "lib") == []


def test_what_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "one-1.jar").write_bytes(b"checked before")
    with repository() as (url, asked):
        fetch_jars(missing_jars(jars(), tmp_path), tmp_path, url, lambda _: None)
    assert sorted(asked) == sorted(path for path in FILES if "one" not in path)


def test_another_file_than_the_pinned_one_is_refused_and_not_kept(tmp_path: Path) -> None:
    forged = dict.fromkeys(FILES, b"something else")
    with (
        repository(forged) as (url, _),
        pytest.raises(EngineUnavailable, match="is not the file that was pinned"),
    ):
        fetch_jars(jars(), tmp_path, url, lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_a_repository_without_a_jar_is_named_and_the_others_are_kept(tmp_path: Path) -> None:
    missing = next(path for path in FILES if "three" in path)
    there = {path: content for path, content in FILES.items() if path != missing}
    with repository(there) as (url, _), pytest.raises(EngineUnavailable) as caught:
        fetch_jars(jars(), tmp_path, url, lambda _: None)
    assert f"{missing} cannot be downloaded: Not Found" in str(caught.value)
    assert "HTTPS_PROXY" in str(caught.value)
    assert not [file for file in tmp_path.iterdir() if file.suffix != ".jar"]


def test_a_repository_that_is_away_is_told(tmp_path: Path) -> None:
    with repository() as (url, _):
        pass
    with pytest.raises(EngineUnavailable, match=r"cannot be downloaded.*run the same command again"):
        fetch_jars(jars(), tmp_path, url, lambda _: None)
