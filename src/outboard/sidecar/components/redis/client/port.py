"""What the Redis components ask of a server: small, and without the client library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from outboard.sidecar.components.port import ComponentError

__all__ = ["Redis", "RedisAway", "RedisCommand", "RedisRefused", "RedisReply"]

RedisCommand: TypeAlias = tuple[bytes | str | int, ...]
RedisReply: TypeAlias = object
"""As the server sent it: bytes, an int, None, a list of these, or a ComponentError where it refused."""


class RedisAway(ComponentError):
    """No server answers at the moment; what was sent may or may not have been done."""


class RedisRefused(ComponentError):
    """The server answered with an error; the text is the server's."""


class Redis(Protocol):
    """A connection to a server, a cluster, or the master that sentinels name.

    Every method raises RedisAway once the attempts that the settings allow are spent.
    """

    async def command(self, *command: bytes | str | int) -> RedisReply:
        """The reply to one command. Raises RedisRefused."""
        ...

    async def ask_server(self, *command: bytes | str | int) -> RedisReply:
        """The reply of any one server to a command about itself, which names no key. Raises RedisRefused."""
        ...

    async def following(self, *commands: RedisCommand) -> Sequence[RedisReply]:
        """The replies to commands that one connection sends, one after the other."""
        ...

    async def transaction(self, commands: Sequence[RedisCommand]) -> Sequence[RedisReply]:
        """The replies to commands between which nothing else happens.

        One that fails there does not undo the others, as always with Redis. Raises RedisRefused where the
        server takes none of them.
        """
        ...

    async def waiting(self, *command: bytes | str | int, seconds: float) -> RedisReply:
        """The reply to a command that lets the server wait for `seconds`; it is attempted once.

        Raises RedisRefused.
        """
        ...

    async def close(self) -> None: ...
