"""Families of metrics, and the text in which Prometheus reads them. Pure.

The sidecar keeps its own, as daprd's counters are not named as `prometheus_client` would have them.
Source: Prometheus, "Exposition formats".
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

__all__ = ["CounterFamily", "GaugeFamily", "HistogramFamily", "MetricFamily", "exposition"]

MOST_CHILDREN: Final = 10_000
"""Of one family: a path or a topic may be another one each time. What comes then counts for empty labels."""
ESCAPED: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
LE: Final = "le"
INFINITE: Final = "+Inf"


class MetricFamily:
    """A name, its help, and the names of its labels; those that are `constant` have their value already."""

    kind = ""

    def __init__(self, name: str, help: str, labels: Sequence[str], constant: Mapping[str, str]) -> None:
        self.name = name
        self.help = help
        self._labels = tuple(labels)
        self._constant = constant

    def lines(self) -> Iterator[str]:
        """The family in Prometheus' text format; nothing where nothing was measured yet."""
        samples = list(self._samples())
        if samples:
            yield from _head(self.name, self.kind, self.help)
            yield from samples

    def _samples(self) -> Iterator[str]:
        raise NotImplementedError

    def _inside(self, values: tuple[str, ...]) -> str:
        """The labels as they are written, by name: those of daprd are in that order."""
        labels = {**self._constant, **dict(zip(self._labels, values, strict=True))}
        return ",".join(f'{name}="{value.translate(ESCAPED)}"' for name, value in sorted(labels.items()))

    def _bounded(self, values: tuple[str, ...], children: int) -> tuple[str, ...]:
        return values if children < MOST_CHILDREN else ("",) * len(self._labels)


class CounterFamily(MetricFamily):
    """How often something happened, by its labels."""

    kind = "counter"

    def __init__(self, name: str, help: str, labels: Sequence[str], constant: Mapping[str, str]) -> None:
        super().__init__(name, help, labels, constant)
        self._counts: dict[tuple[str, ...], int] = {}

    def add(self, values: tuple[str, ...], count: int = 1) -> None:
        """Count; `values` are those of the labels, in their order."""
        counts = self._counts
        if values not in counts:
            values = self._bounded(values, len(counts))
        counts[values] = counts.get(values, 0) + count

    def _samples(self) -> Iterator[str]:
        for values, count in sorted(self._counts.items()):
            yield f"{self.name}{{{self._inside(values)}}} {count}"


class GaugeFamily(CounterFamily):
    """How something is, by its labels."""

    kind = "gauge"

    def set(self, values: tuple[str, ...], value: int) -> None:
        """It is `value` now."""
        if values not in self._counts:
            values = self._bounded(values, len(self._counts))
        self._counts[values] = value


class HistogramFamily(MetricFamily):
    """How large something was, by its labels. `bounds` are the upper ones as they are written ("1e+06")."""

    kind = "histogram"

    def __init__(
        self, name: str, help: str, labels: Sequence[str], constant: Mapping[str, str], bounds: Sequence[str]
    ) -> None:
        super().__init__(name, help, labels, constant)
        self._written = (*bounds, INFINITE)
        self._bounds = list(map(float, bounds))
        self._children: dict[tuple[str, ...], _Distribution] = {}

    def observe(self, values: tuple[str, ...], amount: float) -> None:
        """Measure; `values` are those of the labels, in their order."""
        child = self._children.get(values) or self._child(values)
        child.counts[bisect_left(self._bounds, amount)] += 1
        child.sum += amount

    def _child(self, values: tuple[str, ...]) -> _Distribution:
        kept = self._bounded(values, len(self._children))
        return self._children.setdefault(kept, _Distribution(len(self._written)))

    def _samples(self) -> Iterator[str]:
        for values in sorted(self._children):
            child, inside, below = self._children[values], self._inside(values), 0
            for bound, count in zip(self._written, child.counts, strict=True):
                below += count
                yield f'{self.name}_bucket{{{inside},{LE}="{bound}"}} {below}'
            yield f"{self.name}_sum{{{inside}}} {child.sum:.12g}"
            yield f"{self.name}_count{{{inside}}} {below}"


class _Distribution:
    __slots__ = ("counts", "sum")

    def __init__(self, buckets: int) -> None:
        self.counts = [0] * buckets
        self.sum = 0.0


def _head(name: str, kind: str, help: str) -> list[str]:
    """What stands before the samples of a family."""
    return [f"# HELP {name} {help}", f"# TYPE {name} {kind}"]


def _single_values(values: Mapping[str, tuple[str, str, float]]) -> Iterator[str]:
    """Values without labels, by name: kind, help, and value."""
    for name, (kind, help, value) in values.items():
        yield from _head(name, kind, help)
        yield f"{name} {value}"


def exposition(families: Iterable[MetricFamily], process: Mapping[str, tuple[str, str, float]]) -> str:
    """All that is measured as Prometheus reads it, `families` by name, then the values of `process`."""
    lines: list[str] = []
    for family in sorted(families, key=lambda family: family.name):
        lines += family.lines()
    return "\n".join([*lines, *_single_values(process), ""])
