"""The sidecars of this machine that are this user's: a folder with a file each.

REGISTRY/orders-4242-50002.json      gone with its sidecar, or removed by whoever sees that it has died
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Final, cast

from outboard.host.private_files import write_private
from outboard.host.processes import ProcessIdentity, has_ended, process_identity
from outboard.sidecar.invocation.names.port import Announced
from outboard.sidecar.invocation.targets import AppName
from outboard.sidecar.logs import SidecarLog

__all__ = ["SidecarRegistry", "registry_folder"]

OWNER_ALONE: Final = 0o700
RETRIES: Final = 5
BETWEEN: Final = 0.1
SUFFIX: Final = ".json"


def registry_folder(home: Path) -> Path:
    """Where it is; `home` is the user's."""
    return home / ".outboard" / "sidecars"


class SidecarRegistry:
    """Names over the folder `path`, which is made when it is needed.

    Who is not there yet is looked for again, as daprd does: services that start together call each other.
    `pause(seconds)` is awaited in between.
    """

    def __init__(self, path: Path, log: SidecarLog, pause: Callable[[float], Awaitable[None]]) -> None:
        self._path = path
        self._log = log
        self._pause = pause

    @asynccontextmanager
    async def announced(self, sidecar: Announced) -> AsyncIterator[None]:
        """Where the folder cannot be written the log says so, and nobody finds this one."""
        here = process_identity()
        port = sidecar.address.rpartition(":")[2]
        file = self._path / f"{sidecar.name.app_id}-{here.process}-{port}{SUFFIX}"
        try:
            await asyncio.to_thread(_write, file, sidecar, here)
        except OSError as error:
            text = "%s cannot be written (%s): sidecars of other apps do not find this one"
            self._log.warning(text, self._path, error.strerror)
            yield
            return
        try:
            yield
        finally:
            with suppress(OSError):  # whoever looks next sees that this process has ended
                file.unlink()

    async def find(self, name: AppName) -> Sequence[str]:
        found = await asyncio.to_thread(self._living, name)
        for _ in range(RETRIES):
            if found:
                break
            await self._pause(BETWEEN)
            found = await asyncio.to_thread(self._living, name)
        return found

    def _living(self, name: AppName) -> list[str]:
        """Those of the namespace, or, where none is in it, any: daprds of one machine know no namespaces."""
        here = process_identity()
        known = [
            sidecar
            for file, sidecar, process in self._entries(name)
            if sidecar.name.app_id == name.app_id
            and not _is_elsewhere(process, here)
            and not _removed(file, process, here)
        ]
        chosen = [each for each in known if each.name == name] or known
        return [each.address for each in chosen]

    def _entries(self, name: AppName) -> Iterator[tuple[Path, Announced, ProcessIdentity]]:
        for file in sorted(self._path.glob(f"*{SUFFIX}")):
            if file.name.startswith(f"{name.app_id}-") and (entry := _read(file)) is not None:
                yield (file, *entry)


def _write(file: Path, sidecar: Announced, process: ProcessIdentity) -> None:
    """Raises OSError. A reader sees all of it or nothing. Those of dead processes are removed, too."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.parent.chmod(OWNER_ALONE)
    told = {
        "app_id": sidecar.name.app_id,
        "namespace": sidecar.name.namespace,
        "address": sidecar.address,
        "process": asdict(process),
    }
    write_private(file, json.dumps(told).encode())
    for other in file.parent.glob(f"*{SUFFIX}"):
        if (entry := _read(other)) is not None:
            _removed(other, entry[1], process)


def _read(file: Path) -> tuple[Announced, ProcessIdentity] | None:
    """None for what is gone by now, or not readable: a file of another version."""
    try:
        told = cast("dict[str, object]", json.loads(file.read_bytes()))
        name = AppName(str(told["app_id"]), str(told["namespace"]))
        process = ProcessIdentity(**cast("dict[str, str]", told["process"]))  # type: ignore[arg-type]
        return Announced(name, str(told["address"])), process
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_elsewhere(process: ProcessIdentity, here: ProcessIdentity) -> bool:
    """Whether it runs in another container, say, which has a loopback of its own."""
    return bool(process.host and here.host) and process.host != here.host


def _removed(file: Path, process: ProcessIdentity, here: ProcessIdentity) -> bool:
    """Whether its process has died, so that its file is not to stay."""
    if not has_ended(process, here):
        return False
    with suppress(OSError):
        file.unlink()
    return True
