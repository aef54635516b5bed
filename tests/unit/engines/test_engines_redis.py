"""Which Redis is used, and when it is ready."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from outboard.engines import redis
from outboard.engines.redis import accepts_commands, find_redis, server_command
from outboard.errors import EngineUnavailable


def program(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / (f"{name}.exe" if os.name == "nt" else name)
    file.touch(mode=0o755)
    return file


@pytest.fixture(autouse=True)
def no_homebrew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis, "KEGS", ())


def test_valkey_will_do_where_there_is_no_redis(tmp_path: Path) -> None:
    valkey = program(tmp_path, "valkey-server")
    assert find_redis({"PATH": str(tmp_path)}) == valkey
    server = program(tmp_path, "redis-server")
    assert find_redis({"PATH": str(tmp_path)}) == server


def test_without_one_it_is_told_what_to_install() -> None:
    with pytest.raises(EngineUnavailable, match=r"redis: there is no redis-server.*brew install redis"):
        find_redis({"PATH": ""})


def test_it_listens_on_loopback_only_and_keeps_its_data() -> None:
    command = server_command(Path("redis-server"), 6379, Path("data"))
    assert command[command.index("--bind") + 1] == "127.0.0.1"
    assert command[command.index("--appendonly") + 1] == "yes"


@pytest.mark.parametrize(
    ("answer", "ready"), [(b"+PONG\r\n", True), (b"-LOADING Redis is loading\r\n", False), (b"", False)]
)
def test_it_is_ready_once_its_data_is_loaded(answer: bytes, ready: bool) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(64)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        assert accepts_commands(listener.getsockname()[1]) is ready
        thread.join()


def test_a_port_that_nobody_listens_on_is_not_ready() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        assert not accepts_commands(held.getsockname()[1])
