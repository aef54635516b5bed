"""Which metadata items a type of component knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["KnownMetadata"]


@dataclass(frozen=True, slots=True)
class KnownMetadata:
    """The names of items: those that are `served`; and those that only daprd has, with the reason."""

    served: tuple[str, ...] = ()
    unserved: Mapping[str, str] = field(default_factory=dict)
