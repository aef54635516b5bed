"""A finding about the files of a run, with the apps that it is about."""

from __future__ import annotations

from dataclasses import dataclass

from outboard.resources.finding import Finding

__all__ = ["AppFinding"]


@dataclass(frozen=True, slots=True)
class AppFinding:
    """Without `apps` it is about the run file."""

    finding: Finding
    apps: tuple[str, ...] = ()

    def __str__(self) -> str:
        about = f" [{', '.join(self.apps)}]" if self.apps else ""
        return f"{self.finding}{about}"
