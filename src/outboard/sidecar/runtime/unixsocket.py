"""A listening Unix domain socket, instead of a port."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from outboard.errors import CommandError

__all__ = ["listening_at", "socket_path"]

FLAG: Final = "--unix-domain-socket"
BACKLOG: Final = 2048


def socket_path(folder: Path, app_id: str, protocol: str = "http") -> Path:
    """Where Dapr's clients look for the socket of an app's API of `protocol` ("http", "grpc")."""
    return folder / f"dapr-{app_id}-{protocol}.socket"


if sys.platform == "win32":

    @contextmanager
    def listening_at(path: Path) -> Iterator[socket.socket]:
        """Raises CommandError: Python has no Unix domain sockets here."""
        raise CommandError(f"{FLAG} is not possible on Windows", "Use a port, with --dapr-http-port")
        yield  # a generator all the same

else:

    @contextmanager
    def listening_at(path: Path) -> Iterator[socket.socket]:
        """A socket bound to `path` while the block runs; it is gone afterwards.

        One that an ended process left behind is replaced. Raises CommandError where a process listens there,
        or the socket cannot be made.
        """
        _remove_stale(path)
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            bound.bind(str(path))
        except OSError as error:
            bound.close()
            problem = f"the socket {path} cannot be made: {error.strerror or error}"
            raise CommandError(
                problem, f"Name a folder that can be written, with a short path, as {FLAG}"
            ) from error
        try:
            bound.listen(BACKLOG)
            bound.setblocking(False)
            yield bound
        finally:
            bound.close()
            path.unlink(missing_ok=True)

    def _remove_stale(path: Path) -> None:
        if not path.is_socket():
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            if probe.connect_ex(str(path)) == 0:
                raise CommandError(
                    f"a process listens at {path}", f"Stop it, or give another folder as {FLAG}"
                )
        path.unlink()
