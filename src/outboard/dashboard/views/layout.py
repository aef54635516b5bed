"""Where the nodes of a graph lie and how its edges go: in columns, from what sends to what receives.

After K. Sugiyama, S. Tagawa, M. Toda, "Methods for Visual Understanding of Hierarchical System Structures"
(1981): cycles are broken, each node gets a column, and the order in a column is that of the neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias

__all__ = ["Edge", "EdgeRoute", "GraphLayout", "NodePlace", "NodeSize", "layered"]

Edge: TypeAlias = tuple[str, str]
SWEEPS: Final = 6
MARGIN: Final = 16
BELOW: Final = 46
"""How far an edge that goes back hangs below what it joins."""


class NodeSize(NamedTuple):
    """Of each node, and the gaps between columns and between the nodes of one."""

    width: int
    height: int
    column_gap: int
    gap: int


class NodePlace(NamedTuple):
    """The upper left corner of a node."""

    x: int
    y: int


class EdgeRoute(NamedTuple):
    """An edge as the data of an SVG path, and where its text stands."""

    path: str
    text_x: int
    text_y: int


class GraphLayout(NamedTuple):
    """All of it, within `width` and `height`."""

    width: int
    height: int
    places: Mapping[str, NodePlace]
    routes: Mapping[Edge, EdgeRoute]


def layered(nodes: Sequence[str], edges: Sequence[Edge], size: NodeSize) -> GraphLayout:
    """The layout of a graph; the same for the same arguments. `edges` join different `nodes`."""
    columns = _columns(nodes, edges)
    forward = [(begin, end) for begin, end in edges if columns[begin] < columns[end]]
    ways = {edge: _way(edge, columns) for edge in forward}
    steps = [step for way in ways.values() for step in pairwise(way)]
    order = _ordered(_by_column(nodes, columns, ways), steps)
    tops = _tops(order, steps, size.height + size.gap)
    backward = [edge for edge in edges if edge not in ways]
    places = {
        name: NodePlace(MARGIN + columns[name] * (size.width + size.column_gap), MARGIN + tops[name])
        for name in nodes
    }
    routes = {edge: _forward_route(way, places, tops, columns, size) for edge, way in ways.items()}
    routes |= {edge: _backward_route(edge, places, size) for edge in backward}
    width = max((place.x for place in places.values()), default=0) + size.width + MARGIN
    height = max((MARGIN + top for top in tops.values()), default=0) + size.height + MARGIN
    return GraphLayout(width, height + (BELOW if backward else 0), places, routes)


# Columns


def _columns(nodes: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """The length of the longest way to each node, without the edges that close a cycle."""
    after: dict[str, list[str]] = {name: [] for name in nodes}
    for begin, end in edges:
        after[begin].append(end)
    has_before = {end for _, end in edges}
    columns = dict.fromkeys(nodes, 0)
    for name in reversed(_topological(sorted(nodes, key=lambda each: each in has_before), after)):
        for end in after[name]:
            columns[end] = max(columns[end], columns[name] + 1)
    return columns


def _topological(nodes: Iterable[str], after: dict[str, list[str]]) -> list[str]:
    """Each node behind all that come after it; what would close a cycle is taken out of `after`."""
    done: list[str] = []
    seen: set[str] = set()
    for first in nodes:
        path = [] if first in seen else [first]
        while path:
            name = path[-1]
            seen.add(name)
            after[name] = [end for end in after[name] if end not in path]
            following = next((end for end in after[name] if end not in seen), None)
            if following is None:
                done.append(path.pop())
            else:
                path.append(following)
    return done


# Order


def _way(edge: Edge, columns: Mapping[str, int]) -> list[str]:
    """Its ends, and a place for it in each column between them."""
    begin, end = edge
    between = [f"{begin}\n{end}\n{column}" for column in range(columns[begin] + 1, columns[end])]
    return [begin, *between, end]


def _by_column(
    nodes: Sequence[str], columns: Mapping[str, int], ways: Mapping[Edge, Sequence[str]]
) -> list[list[str]]:
    found: list[list[str]] = [[] for _ in range(max(columns.values(), default=-1) + 1)]
    for name in nodes:
        found[columns[name]].append(name)
    for (begin, _), way in ways.items():
        for distance, name in enumerate(way[1:-1], 1):
            found[columns[begin] + distance].append(name)
    return found


def _ordered(columns: list[list[str]], steps: Sequence[Edge]) -> list[list[str]]:
    """By the middle of their neighbours, to and fro."""
    before, after = _neighbours(steps)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        rank = {name: float(place) for column in columns for place, name in enumerate(column)}
        for column in columns if forward else reversed(columns):
            near = before if forward else after
            column.sort(key=lambda name: _mean([rank[each] for each in near.get(name, ())], rank[name]))
            rank |= {name: float(place) for place, name in enumerate(column)}
    return columns


def _tops(columns: Sequence[Sequence[str]], steps: Sequence[Edge], step: int) -> dict[str, int]:
    """How far below the highest each lies: as near to its neighbours as those above it in its column let."""
    before, after = _neighbours(steps)
    tops = {name: float(place * step) for column in columns for place, name in enumerate(column)}
    for near in (before, after, before):
        for column in columns:
            lowest = float("-inf")
            for name in column:
                wanted = _mean([tops[each] for each in near.get(name, ())], tops[name])
                tops[name] = lowest = max(wanted, lowest + step)
    highest = min(tops.values(), default=0.0)
    return {name: round(top - highest) for name, top in tops.items()}


def _neighbours(steps: Sequence[Edge]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for begin, end in steps:
        before.setdefault(end, []).append(begin)
        after.setdefault(begin, []).append(end)
    return before, after


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


# Routes


def _forward_route(
    way: Sequence[str], places: Mapping[str, NodePlace], tops: Mapping[str, int], columns: Mapping[str, int],
    size: NodeSize,
) -> EdgeRoute:  # fmt: skip
    begin, end = places[way[0]], places[way[-1]]
    middle = size.height // 2
    points = [NodePlace(begin.x + size.width, begin.y + middle)]
    for distance, name in enumerate(way[1:-1], 1):
        x = MARGIN + (columns[way[0]] + distance) * (size.width + size.column_gap)
        y = MARGIN + tops[name] + middle
        points += [NodePlace(x, y), NodePlace(x + size.width, y)]
    points.append(NodePlace(end.x, end.y + middle))
    path = f"M{points[0].x} {points[0].y}"
    for last, point in pairwise(points):
        half = (last.x + point.x) // 2
        path += f" C{half} {last.y} {half} {point.y} {point.x} {point.y}"
    return EdgeRoute(path, (points[0].x + points[1].x) // 2, (points[0].y + points[1].y) // 2)


def _backward_route(edge: Edge, places: Mapping[str, NodePlace], size: NodeSize) -> EdgeRoute:
    begin, end = (places[name] for name in edge)
    x1, x2 = begin.x + size.width // 2, end.x + size.width // 2
    y1, y2 = begin.y + size.height, end.y + size.height
    low = max(y1, y2) + BELOW
    return EdgeRoute(f"M{x1} {y1} C{x1} {low} {x2} {low} {x2} {y2}", (x1 + x2) // 2, (y1 + y2 + 6 * low) // 8)
