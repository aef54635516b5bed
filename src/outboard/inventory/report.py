"""What there is here, as values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Extra", "Package", "Report", "SeenResource", "Tool"]


@dataclass(frozen=True, slots=True)
class Package:
    """A distribution; `version` is empty where it is not installed, `asked` what Outboard asks for."""

    name: str
    version: str
    asked: str = ""


@dataclass(frozen=True, slots=True)
class Extra:
    """An extra of Outboard with what it brings."""

    name: str
    packages: tuple[Package, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Those of its packages that are not installed."""
        return tuple(each.name for each in self.packages if not each.version)


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that Outboard can use. `place` is empty, and `problem` says why, where it was not found."""

    name: str
    place: str = ""
    version: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SeenResource:
    """A resource of Dapr in a file. `type` is that of a component, with its version, `fields` the names of
    its metadata; values are never kept, as they may be secrets.
    """

    kind: str
    name: str
    type: str
    place: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """All of it. `platform` and `variables` are name → text, `problems` files that could not be read."""

    outboard: str
    python: str
    platform: Mapping[str, str]
    dependencies: tuple[Package, ...]
    extras: tuple[Extra, ...]
    engines: tuple[Tool, ...]
    apps: tuple[str, ...] = ()
    resources: tuple[SeenResource, ...] = ()
    problems: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
