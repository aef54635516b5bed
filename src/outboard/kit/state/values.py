"""Makes the values that go to the sidecar. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from outboard.kit.client.port import Concurrency, Consistency, StateSave
from outboard.kit.names import check_state_key
from outboard.kit.ttl import Ttl, ttl_metadata

__all__ = ["save_of"]


def save_of(
    key: str,
    value: bytes,
    etag: str | None,
    ttl: Ttl | None,
    metadata: Mapping[str, str] | None,
    concurrency: Concurrency | None = None,
    consistency: Consistency | None = None,
) -> StateSave:
    """One value to be written; with an ETag the first write wins unless `concurrency` says otherwise.

    Raises InvalidName for the key, ValueError for a `ttl` that is not positive.
    """
    pairs = {**(metadata or {}), **ttl_metadata(ttl)}
    if etag and concurrency is None:
        concurrency = "first-write"
    return StateSave(check_state_key(key), value, etag, concurrency, consistency, pairs)
