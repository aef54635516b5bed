"""A PostgreSQL server for one test run, and databases in it for single tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from support.processes import free_ports

USER = "outboard"


@dataclass(frozen=True)
class Server:
    """A server on loopback that lets `outboard` in without a password."""

    port: int

    def conninfo(self, name: str) -> str:
        """libpq's URL of the database `name`."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"


@contextmanager
def running_server(programs: Path) -> Iterator[Server]:
    """Run a server with the executables in the folder `programs`, and stop it at the end.

    PostgreSQL refuses to run as root, so for root it runs as an unprivileged user. Raises RuntimeError with
    what PostgreSQL said when it does not start.
    """
    home = Path(tempfile.mkdtemp(prefix="outboard-postgresql-"))  # pytest's folders are closed to other users
    try:
        with _started(programs, home) as server:
            yield server
    finally:
        shutil.rmtree(home)


@contextmanager
def _started(programs: Path, home: Path) -> Iterator[Server]:
    identity = unprivileged()
    if identity is not None:
        os.chown(home, *identity)
    data = home / "data"
    settings = ["-A", "trust", "-U", USER, "-E", "UTF8", "--no-locale", "--no-sync"]
    _run([str(programs / "initdb"), "-D", str(data), *settings], identity, home)
    control = [str(programs / "pg_ctl"), "-D", str(data), "-w", "-t", "60"]
    server = Server(port=free_port())
    options = f"-h 127.0.0.1 -p {server.port} -c unix_socket_directories='' -c fsync=off"
    _run([*control, "-l", str(home / "server.log"), "-o", options, "start"], identity, home)
    try:
        yield server
    finally:  # pg_ctl finds the process by the id that the server wrote into its folder
        _run([*control, "-m", "fast", "stop"], identity, home)


def _run(command: Sequence[str], identity: tuple[int, int] | None, home: Path) -> None:
    """Run `command` as `identity`. A log takes its output: a pipe would be held open by the server."""
    user, group = identity or (None, None)
    with (home / "commands.log").open("ab") as log:
        done = subprocess.run(
            command,
            cwd=home,
            user=user,
            group=group,
            extra_groups=None if identity is None else [],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            check=False,
        )
    if done.returncode != 0:
        said = [file.read_text(encoding="utf-8", errors="replace") for file in sorted(home.glob("*.log"))]
        raise RuntimeError("\n".join([f"{' '.join(command)} failed with {done.returncode}:", *said]))


def unprivileged() -> tuple[int, int] | None:
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


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment."""
    return free_ports(1)[0]


@contextmanager
def database(server: Server) -> Iterator[str]:
    """Create an empty database, yield its SQLAlchemy URL, drop it."""
    name = f"test_{uuid.uuid4().hex}"
    _execute(server, f"CREATE DATABASE {name}")
    try:
        yield server.conninfo(name).replace("postgresql://", "postgresql+psycopg://", 1)
    finally:
        _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def _execute(server: Server, statement: str) -> None:
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as connection:
        connection.execute(statement.encode())
