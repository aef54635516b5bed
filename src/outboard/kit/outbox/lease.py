"""Whose a lease is: its token says which process made it, so that nobody waits for one that is gone."""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b

from outboard.host.processes import ProcessIdentity, has_ended, process_identity
from outboard.wire.identity import new_id

__all__ = ["holder_of", "is_abandoned", "new_token"]

DIGEST_BYTES = 8


def new_token(holder: ProcessIdentity | None = None) -> str:
    """A token unlike every other, for a relay in the process `holder`; None is this one."""
    holder = holder or process_identity()
    started = round(holder.started * 1000)
    return f"{holder.process:x}.{started:x}.{_digest(holder.host)}.{new_id()[-12:]}"


def holder_of(token: str) -> ProcessIdentity | None:
    """The process of a relay, its host as a digest; None where the token does not say."""
    try:
        process, started, host, _ = token.split(".")
        return ProcessIdentity(host, int(process, 16), int(started, 16) / 1000)
    except ValueError:
        return None


def is_abandoned(token: str) -> bool:
    """Whether the process of a relay is certainly gone. Of another host, or a container, nobody knows."""
    holder, here = holder_of(token), process_identity()
    return holder is not None and has_ended(holder, replace(here, host=_digest(here.host)))


def _digest(host: str) -> str:
    """Of a size that a token has room for; empty where the host is."""
    return blake2b(host.encode("utf-8"), digest_size=DIGEST_BYTES).hexdigest() if host else ""
