"""Where the nodes of a graph lie: none over another, all in the picture, senders left of receivers."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard.dashboard.views.layout import Edge, GraphLayout, NodeSize, layered

SIZE = NodeSize(100, 40, 60, 20)
NAMES = [f"n{number}" for number in range(9)]
EDGES = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).filter(lambda edge: edge[0] != edge[1]),
    unique=True,
    max_size=20,
)


def drawn(*edges: str) -> GraphLayout:
    """Of edges such as `a b`."""
    pairs: list[Edge] = [(edge.split()[0], edge.split()[1]) for edge in edges]
    return layered(list(dict.fromkeys(name for pair in pairs for name in pair)), pairs, SIZE)


def test_what_sends_stands_left_of_what_receives() -> None:
    layout = drawn("api orders", "orders mail", "mail sent", "orders books")
    assert [layout.places[name].x for name in ("api", "orders", "mail", "sent")] == [16, 176, 336, 496]
    assert layout.places["mail"].x == layout.places["books"].x


def test_a_cycle_is_drawn_with_one_edge_that_goes_back_below() -> None:
    layout = drawn("api orders", "orders api")
    assert layout.places["api"].x < layout.places["orders"].x
    assert layout.places["api"].y == layout.places["orders"].y
    low = layout.places["api"].y + SIZE.height
    assert low < layout.routes["orders", "api"].text_y <= layout.height
    assert layout.routes["api", "orders"].text_y < low


def test_edges_that_need_not_cross_do_not() -> None:
    layout = drawn("a x", "b y", "c z", "z zz", "x xx", "y yy")
    for first, second in (("x", "xx"), ("y", "yy"), ("z", "zz"), ("a", "x"), ("b", "y"), ("c", "z")):
        assert layout.places[first].y == layout.places[second].y


def test_an_edge_over_several_columns_goes_round_the_nodes_between() -> None:
    layout = drawn("a b", "b c", "a c")
    middle = layout.places["b"]
    heights = [int(y) for _, y in re.findall(r"(\d+) (\d+)", layout.routes["a", "c"].path)]
    assert all(not middle.y <= y <= middle.y + SIZE.height for y in heights[3:5])


def test_nothing_is_a_picture_of_nothing() -> None:
    layout = layered([], [], SIZE)
    assert (layout.places, layout.routes) == ({}, {})


@given(EDGES)
def test_no_node_lies_over_another_and_all_is_in_the_picture(edges: list[Edge]) -> None:
    layout = layered(NAMES, edges, SIZE)
    places = list(layout.places.values())
    assert len(places) == len(NAMES)
    assert set(layout.routes) == set(edges)
    for number, one in enumerate(places):
        assert 0 <= one.x <= layout.width - SIZE.width
        assert 0 <= one.y <= layout.height - SIZE.height
        for other in places[:number]:
            assert one.x != other.x or abs(one.y - other.y) >= SIZE.height
    for route in layout.routes.values():
        assert 0 <= route.text_x <= layout.width
        assert 0 <= route.text_y <= layout.height


@given(EDGES)
def test_without_a_cycle_no_edge_goes_back(edges: list[Edge]) -> None:
    downhill = [edge for edge in edges if edge[0] < edge[1]]
    layout = layered(NAMES, downhill, SIZE)
    assert all(layout.places[begin].x < layout.places[end].x for begin, end in downhill)


@pytest.mark.parametrize("edges", [("a b", "b c", "c a"), ("b a", "a c", "c b")])
def test_the_same_graph_is_drawn_the_same(edges: tuple[str, ...]) -> None:
    assert drawn(*edges) == drawn(*edges)
