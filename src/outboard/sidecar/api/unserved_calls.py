"""A word in the log at the first call of each kind that this sidecar does not serve."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from outboard.sidecar.logs import SidecarLog

__all__ = ["UnservedCalls"]

TEXT: Final = (
    "the app calls %s (%s), which this sidecar does not serve: `outboard run --engine daprd` does. "
    "This is said once"
)


@dataclass(frozen=True, slots=True)
class UnservedCalls:
    """Which kinds have been told of, whatever protocol the call came over."""

    log: SidecarLog
    told: set[str] = field(default_factory=set)

    def tell(self, kind: str, call: str) -> None:
        """Tell of the first call of `kind`, a phrase; `call` is how it was made."""
        if kind not in self.told:
            self.told.add(kind)
            self.log.warning(TEXT, kind, call)
