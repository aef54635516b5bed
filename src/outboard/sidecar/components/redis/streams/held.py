"""What this sidecar holds of one stream, so that it does not claim its own."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["HeldEntries"]


class HeldEntries:
    """The entries that were read and are not settled; for `limit` seconds from when the app got them.

    One that the app has had for longer than that counts as abandoned, as it would if the app had died.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._started: dict[bytes, float | None] = {}

    def __len__(self) -> int:
        return len(self._started)

    def take(self, entries: Iterable[bytes]) -> None:
        """`entries` are here, and wait for the app."""
        self._started.update(dict.fromkeys(entries))

    def start(self, entry: bytes, now: float) -> None:
        """The app gets `entry` at `now`, in seconds of a monotonic clock."""
        self._started[entry] = now

    def settle(self, entry: bytes) -> None:
        self._started.pop(entry, None)

    def holds(self, entry: bytes, now: float) -> bool:
        if entry not in self._started:
            return False
        started = self._started[entry]
        return started is None or now - started < self._limit
