"""A component's metadata once every secret, environment variable and template in it is resolved."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from outboard.errors import ComponentInitFailed
from outboard.resources import duration
from outboard.resources.component import Component
from outboard.resources.finding import Finding

__all__ = ["Properties", "failure", "is_truthy"]

TRUTHY: Final = frozenset({"y", "yes", "true", "t", "on", "1"})
WHOLE_NUMBER: Final = re.compile(r"[0-9]{1,18}\Z", re.ASCII)
SECONDS: Final = re.compile(r"[0-9]+\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Properties(Mapping[str, str]):
    """Values by name, in which case does not count. Values may be secret: they are not in the repr.

    `namespaced` says whether `{namespace}` stands in any value, which prefixes every topic of the component.
    `findings` grow while the values are read: they are told once the component was made, or could not be.
    """

    component: Component
    values_by_name: Mapping[str, str] = field(default_factory=dict, repr=False)
    namespaced: bool = False
    findings: list[Finding] = field(default_factory=list, repr=False, compare=False)

    def __getitem__(self, name: str) -> str:
        return self.values_by_name[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)

    def string(self, *names: str, default: str = "") -> str:
        """The first of `names` (a setting and its aliases) that is set and not empty.

        Raises ComponentInitFailed for a NUL in it, which nothing that is named by text may hold.
        """
        value = next((self[name] for name in names if self.get(name)), default)
        if "\0" in value:
            raise self.failure(f"`{names[0]}` holds a NUL character", "Take it out.", *names)
        return value

    def required(self, *names: str) -> str:
        """Raises ComponentInitFailed where none of `names` is set."""
        value = self.string(*names)
        if not value:
            advice = f"Add `- name: {names[0]}` with its `value:` to `spec.metadata`."
            raise self.failure(f"the metadata item `{names[0]}` is missing or empty", advice)
        return value

    def boolean(self, name: str, default: bool = False) -> bool:
        """As daprd: `true`, `yes`, `on`, `y`, `t` and `1` are true, everything else is false."""
        text = self.string(name).strip()
        return is_truthy(text) if text else default

    def whole_number(self, name: str, default: int) -> int:
        """Raises ComponentInitFailed for anything but digits."""
        text = self.string(name).strip()
        if text and not WHOLE_NUMBER.match(text):
            raise self.failure(f"`{name}` must be a whole number from 0", "Write digits only.", name)
        return int(text) if text else default

    def seconds(self, *names: str, default: float) -> float:
        """A duration; a bare number is seconds. Raises ComponentInitFailed."""
        text = self.string(*names).strip()
        if not text:
            return default
        try:
            return float(text) if SECONDS.match(text) else duration.parse(text)
        except ValueError:
            # Without the text, nor the error that holds it: it may come from a secret.
            advice = "Write for instance `500ms`, `5s` or `1m30s`."
            raise self.failure(f"`{names[0]}` is not a duration", advice, *names) from None

    def failure(self, reason: str, advice: str, *names: str) -> ComponentInitFailed:
        """The error to raise about the metadata item `names`, at its line, or about the component."""
        return failure(self.component, reason, advice, self._line(names))

    def warn(self, problem: str, advice: str, *names: str) -> None:
        """Add a finding about the metadata item `names`, at its line, or about the component."""
        self.findings.append(Finding(str(self.component.path), self._line(names), problem, advice))

    def _line(self, names: Sequence[str]) -> int:
        wanted = {name.lower() for name in names}
        items = (item.line for item in self.component.metadata if item.name.lower() in wanted)
        return next(items, self.component.line)


def is_truthy(text: str) -> bool:
    """Whether daprd takes `text` for true."""
    return text.strip().lower() in TRUTHY


def failure(component: Component, reason: str, advice: str, line: int | None = None) -> ComponentInitFailed:
    """The error to raise where `component` cannot be set up, at `line` of its file."""
    at = component.line if line is None else line
    return ComponentInitFailed(component.name, component.type, str(component.path), at, reason, advice)
