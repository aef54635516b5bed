"""What a run leaves behind in which all is well, made up: for tests of the check to forge."""

from __future__ import annotations

from chaos.evidence import Applied, Committed, Evidence, Growth, OnBroker, Stopped

__all__ = ["APPLIED", "COMMITTED", "DEAD", "GOOD", "ORDERS", "REPLAYED"]

COMMITTED = [
    Committed("a", "k", 5, False, "ha", 1),
    Committed("b", "k", 7, False, "hb", 2),
    Committed("c", "m", 11, False, "hc", 3),
    Committed("p", "m", 13, True, "hp", 4),
]
ORDERS = [
    OnBroker("a", "k", "ha", 0, 1),
    OnBroker("a", "k", "ha", 0, 2),
    OnBroker("b", "k", "hb", 0, 3),
    OnBroker("c", "m", "hc", 1, 4),
    OnBroker("p", "m", "hp", 1, 5),
    OnBroker("p", "m", "hp", 1, 6, replay="r"),
]
DEAD = [OnBroker("p", "m", "hp", 3, 1), OnBroker("p", "m", "hp", 3, 2)]
APPLIED = [
    Applied("a", "k", 5, "ha", 1),
    Applied("b", "k", 7, "hb", 2),
    Applied("c", "m", 11, "hc", 3),
]
REPLAYED = [Applied("p", "m", 13, "hp", 4)]
GOOD = Evidence(
    committed=COMMITTED,
    attempted={"a", "b", "c", "p", "rolled back"},
    orders=ORDERS,
    dead=DEAD,
    letters=["p"],
    applied=APPLIED,
    replayed=REPLAYED,
    balances={"k": 12, "m": 24},
    waiting=0,
    parked=0,
    orphan_leases=0,
    drained_after=12.0,
    drain_bound=30.0,
    faults=2,
    in_flight=512,
    rolled={"c", "p"},
    stopped=[Stopped("relay-1", 0.4)],
    stop_bound=10.0,
    growths=[Growth("relay-1", 40.0, 2**20, 3)],
    leaks=[],
    logs=100,
)
