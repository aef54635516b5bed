"""The graph: what goes where, and what is wired wrongly."""

from __future__ import annotations

from outboard.dashboard.views.flow_page import FlowLink, FlowPage, Lags, LinkState, flow_page
from outboard.dashboard.views.rates import RateCounters
from outboard.hops.record import Hop, HopKind
from outboard.live.wiring import AppWiring
from outboard.resources.left_out import LeftOut
from outboard.wire.subscriptions import Rule, Subscription
from support.dashboard import hop

NOW = 2_000.0


def page(*hops: Hop, wirings: tuple[AppWiring, ...] = (), lags: Lags | None = None) -> FlowPage:
    counters = RateCounters()
    for each in hops:
        counters.add(each)
    return flow_page(counters.counts(NOW), wirings, lags or {})


def wiring(app_id: str, *topics: str, dead: str = "", **more: object) -> AppWiring:
    subscriptions = tuple(Subscription("pubsub", topic, (Rule("/events", ""),), dead) for topic in topics)
    made = {"components": {"pubsub": "pubsub.sqlite"}, "runs": True, **more}
    return AppWiring(app_id, subscriptions=subscriptions, **made)  # type: ignore[arg-type]


def link(found: FlowPage, begin: str, end: str) -> FlowLink:
    (one,) = [each for each in found.links if (each.begin, each.end) == (begin, end)]
    return one


def test_events_show_as_edges_with_their_rates() -> None:
    hops = [hop(HopKind.STORED, f"e{n}", at=NOW - 5) for n in range(20)]
    found = page(*hops, hop(HopKind.DELIVERED, app_id="mail", outcome="RETRY", at=10))
    published, delivered = link(found, "api", "orders"), link(found, "orders", "mail")
    assert (published.label, published.state, published.total) == ("2.0/s", LinkState.MOVING, 20)
    assert (delivered.label, delivered.state) == ("1 · 1 failed", LinkState.FAILING)
    assert [(node.name, node.is_topic) for node in found.nodes] == [
        ("api", False),
        ("mail", False),
        ("orders", True),
    ]
    assert found.problems == []


def test_what_an_app_takes_shows_before_any_event_does() -> None:
    found = page(wirings=(wiring("mail", "orders", dead="orders-dead"),))
    assert (link(found, "orders", "mail").state, link(found, "orders", "mail").label) == (LinkState.IDLE, "")
    assert link(found, "mail", "orders-dead").is_dead


def test_a_topic_that_nobody_takes_stands_out_with_the_one_that_was_meant() -> None:
    found = page(hop(HopKind.STORED, topic="order"), wirings=(wiring("mail", "orders"), wiring("api")))
    (problem,) = found.problems
    assert problem == (
        "no app takes order of pubsub, which api publishes to. Did you mean `orders`, which mail takes?"
    )
    (node,) = [each for each in found.nodes if each.name == "order"]
    assert node.problem == problem


def test_nothing_is_called_untaken_while_an_app_is_not_known() -> None:
    unknown = wiring("mail", remark="its sidecar does not answer", runs=False)
    found = page(hop(HopKind.STORED), wirings=(unknown, wiring("api")))
    assert found.problems == []
    assert found.unknown == ["mail: its sidecar does not answer"]
    assert page(hop(HopKind.STORED)).problems == []  # of a past run nobody knows


def test_dead_letters_are_meant_to_lie_there() -> None:
    hops = [
        hop(HopKind.STORED, app_id="mail", topic="orders-dead"),
        hop(HopKind.DEAD_LETTERED, app_id="mail", topic="orders-dead", part="kit"),
    ]
    found = page(*hops, wirings=(wiring("mail", "orders", dead="orders-dead"),))
    assert found.problems == []
    given_up = link(found, "mail", "orders-dead")
    assert (given_up.is_dead, given_up.total, given_up.state) == (True, 1, LinkState.FAILING)


def test_a_subscription_without_its_component_is_broken() -> None:
    found = page(wirings=(wiring("mail", "orders", components={"other": "pubsub.sqlite"}),))
    broken = link(found, "orders", "mail")
    assert (broken.state, broken.label) == (LinkState.BROKEN, "broken")
    (problem,) = found.problems
    assert problem.startswith(
        "mail does not get orders of pubsub: it subscribes, but it has no pub/sub component"
    )


def test_a_component_that_is_left_out_is_told_with_the_reason() -> None:
    left = LeftOut("state", "state.redis", "its scopes are [api]", "Add mail to them")
    found = page(wirings=(wiring("mail", left_out=(left,)),))
    assert found.problems == [
        "mail does not have state (state.redis): its scopes are [api]. Add mail to them"
    ]


def test_an_app_and_a_topic_of_one_name_are_two_nodes() -> None:
    found = page(hop(HopKind.STORED, app_id="orders", topic="orders"))
    assert [(node.name, node.is_topic) for node in found.nodes] == [("orders", False), ("orders", True)]
    assert len({(node.x, node.y) for node in found.nodes}) == 2


def test_each_node_leads_to_its_events() -> None:
    found = page(hop(HopKind.STORED, app_id="a&b", topic="<x>"))
    assert [node.address for node in found.nodes] == ["/events?app=a%26b", "/events?topic=%3Cx%3E"]


def test_state_stores_are_nodes_that_apps_share() -> None:
    components = {"pubsub": "pubsub.sqlite", "tasks": "state.redis"}
    found = page(wirings=(wiring("api", components=components), wiring("mail", components=components)))
    (store,) = [node for node in found.nodes if node.is_store]
    assert (store.name, store.detail, store.kind, store.address) == (
        "tasks",
        "state.redis",
        "store",
        "/components",
    )
    kept = [each for each in found.links if each.is_store]
    assert [(each.begin, each.verb, each.end) for each in kept] == [
        ("api", "keeps state in", "tasks"),
        ("mail", "keeps state in", "tasks"),
    ]
    assert {each.address for each in kept} == {""}
    assert found.problems == []


def test_what_waits_for_an_app_stands_at_its_edge() -> None:
    lags = {("mail", "pubsub", "orders"): 1_200, ("gone", "pubsub", "orders"): 3}
    found = page(hop(HopKind.STORED), wirings=(wiring("mail", "orders"),), lags=lags)
    delivered = link(found, "orders", "mail")
    assert (delivered.lag, delivered.label) == (1_200, "1,200 waiting")
    assert delivered.address == "/events?topic=orders&app=mail"
    assert link(found, "api", "orders").lag is None
    assert (
        page(wirings=(wiring("mail", "orders"),), lags={("mail", "pubsub", "orders"): 0}).links[0].label == ""
    )
