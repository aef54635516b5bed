"""A PostgreSQL server, and databases in it for single tests."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from support.processes import free_ports
from support.servers import Identity, Server

USER = "outboard"
SETTINGS = ("-A", "trust", "-U", USER, "-E", "UTF8", "--no-locale", "--no-sync")
WINDOWS = os.name == "nt"


class PostgresqlServer(Server):
    """A server on a free port of loopback that lets `outboard` in without a password.

    What it has committed outlives a crash of its processes, though not one of the machine: it does not wait
    for the disk, unless it is `durable`.
    """

    def __init__(
        self, programs: Path, folder: Path, identity: Identity | None, *, durable: bool = False
    ) -> None:
        """`programs` holds the executables; `folder` is an empty one, which `identity` may write into."""
        port = free_ports(1)[0]
        data = folder / "data"
        _initialize(programs, data, identity)
        command = [str(programs / "postgres"), "-D", str(data), "-h", "127.0.0.1", "-p", str(port)]
        command += ["-c", "unix_socket_directories=", "-c", f"fsync={'on' if durable else 'off'}"]
        super().__init__("PostgreSQL", command, port, folder, _accepts_connections, identity)

    def conninfo(self, name: str) -> str:
        """libpq's URL of the database `name`."""
        return _conninfo(self.port, name)

    def _ask_to_stop(self, process: subprocess.Popen[bytes]) -> None:
        """By the signal with which it does not wait for its clients to go."""
        if WINDOWS:
            process.terminate()
        else:
            process.send_signal(signal.SIGINT)


@contextmanager
def running_server(programs: Path, *, durable: bool = False) -> Iterator[PostgresqlServer]:
    """A server with the executables in the folder `programs`, its data in a folder of its own; both go at the
    end.

    PostgreSQL refuses to run as root, so for root it runs as an unprivileged user. Raises AssertionError with
    what PostgreSQL said when it does not start.
    """
    home = Path(tempfile.mkdtemp(prefix="outboard-postgresql-"))  # pytest's folders are closed to other users
    identity = unprivileged()
    try:
        if identity is not None:
            os.chown(home, *identity)
        server = PostgresqlServer(programs, home, identity, durable=durable)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(home)


def _initialize(programs: Path, data: Path, identity: Identity | None) -> None:
    user, group = identity or (None, None)
    done = subprocess.run(
        [str(programs / "initdb"), "-D", str(data), *SETTINGS],
        cwd=data.parent,
        user=user,
        group=group,
        extra_groups=None if identity is None else [],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, f"initdb failed with {done.returncode}:\n{done.stdout}{done.stderr}"


def _accepts_connections(port: int) -> bool:
    try:
        psycopg.connect(_conninfo(port, "postgres"), connect_timeout=2).close()
    except psycopg.OperationalError:  # not up yet, or it replays its log after a crash
        return False
    return True


def _conninfo(port: int, name: str) -> str:
    return f"postgresql://{USER}@127.0.0.1:{port}/{name}"


def unprivileged() -> Identity | None:
    """User and group id to run the server as, where this process is root; otherwise None."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    import pwd

    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise RuntimeError("PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody`")


@contextmanager
def database(server: PostgresqlServer) -> Iterator[str]:
    """Create an empty database, yield its SQLAlchemy URL, drop it."""
    name = f"test_{uuid.uuid4().hex}"
    _execute(server, f"CREATE DATABASE {name}")
    try:
        yield server.conninfo(name).replace("postgresql://", "postgresql+psycopg://", 1)
    finally:
        _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def _execute(server: PostgresqlServer, statement: str) -> None:
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as connection:
        connection.execute(statement.encode())
