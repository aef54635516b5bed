"""The parameters that `State` and `SyncState` have in common, explained at `State`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from outboard.kit.client.port import Concurrency, Consistency
from outboard.kit.ttl import Ttl

__all__ = ["DeleteArguments", "ReadArguments", "ReadManyArguments", "SaveArguments", "SaveManyArguments"]


class ReadManyArguments(TypedDict, total=False):
    """Of `get_many`."""

    metadata: Mapping[str, str] | None
    timeout: float | None


class ReadArguments(ReadManyArguments, total=False):
    """Of `get` and `entry`."""

    consistency: Consistency | None


class SaveManyArguments(TypedDict, total=False):
    """Of `save_many`."""

    ttl: Ttl | None
    metadata: Mapping[str, str] | None
    timeout: float | None


class SaveArguments(SaveManyArguments, total=False):
    """Of `save`."""

    etag: str | None
    concurrency: Concurrency | None
    consistency: Consistency | None


class DeleteArguments(ReadArguments, total=False):
    """Of `delete`."""

    etag: str | None
