"""The sockets of pluggable components: a folder, in which each file is named as the types that it serves.

Nothing of gRPC is loaded for it. Source: Dapr, "Pluggable components"; daprd 1.18.
"""

from __future__ import annotations

import socket
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from outboard.resources.component import Component
from outboard.sidecar.components.pluggable.services import OFFERED

__all__ = ["SOCKETS_FOLDER", "plugged_types", "socket_of", "sockets_folder", "why_missing"]

SOCKETS_FOLDER: Final = "DAPR_COMPONENTS_SOCKETS_FOLDER"
NO_SOCKETS: Final = "pluggable components are reached by Unix sockets, which this platform does not have"
DEFAULT: Final = "/tmp/dapr-components-sockets"  # as daprd's


def sockets_folder(environ: Mapping[str, str]) -> Path | None:
    """Where the sockets are; None where there is no such folder, or the platform has no Unix sockets."""
    if not hasattr(socket, "AF_UNIX"):
        return None
    folder = Path(environ.get(SOCKETS_FOLDER, "") or DEFAULT)
    return folder if folder.is_dir() else None


def plugged_types(environ: Mapping[str, str]) -> list[str]:
    """The types that components may have for which there is a socket, in lower case.

    Which of them a socket does serve, only the process behind it can tell.
    """
    return [f"{category}.{name}" for name in _sockets(environ) for category in OFFERED]


def socket_of(component: Component, environ: Mapping[str, str]) -> Path | None:
    """The socket that is named as the type of `component`; None where there is none."""
    if component.category not in OFFERED:
        return None
    return _sockets(environ).get(component.type.lower().partition(".")[2])


def why_missing(type: str, environ: Mapping[str, str]) -> str:
    """Why no process serves `type`; empty where nobody expects one to."""
    named, category = environ.get(SOCKETS_FOLDER, ""), type.lower().partition(".")[0]
    if category not in OFFERED:
        return ""
    if not hasattr(socket, "AF_UNIX"):
        return f"{NO_SOCKETS}: {SOCKETS_FOLDER} has no effect" if named else ""
    if not named and sockets_folder(environ) is None:
        return ""
    return f"nor is there a socket `{type.partition('.')[2]}.sock` in {named or DEFAULT}"


def _sockets(environ: Mapping[str, str]) -> dict[str, Path]:
    """By name, in lower case and without the ending of the file: `x` of `x.sock`."""
    folder = sockets_folder(environ)
    return {} if folder is None else {path.stem.lower(): path for path in _files(folder) if _is_socket(path)}


def _files(folder: Path) -> Iterable[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:  # it is gone, or not to be read: then no type is found, which is told with its reason
        return ()


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.lstat().st_mode)
    except OSError:  # it went while we looked
        return False
