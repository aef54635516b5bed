from __future__ import annotations

from outboard.sidecar.metrics import families
from outboard.sidecar.metrics.families import CounterFamily, HistogramFamily, exposition

APP = {"app_id": '"'}


def test_the_text_is_what_prometheus_reads() -> None:
    seen = CounterFamily("seen", "How often.", ("topic",), APP)
    seen.add(("b",))
    seen.add(("b",), 2)
    seen.add(("a\n",))
    assert exposition([seen], {"up": ("gauge", "Whether it is.", 1.5)}) == (
        "# HELP seen How often.\n"
        "# TYPE seen counter\n"
        'seen{app_id="\\"",topic="a\\n"} 1\n'
        'seen{app_id="\\"",topic="b"} 3\n'
        "# HELP up Whether it is.\n"
        "# TYPE up gauge\n"
        "up 1.5\n"
    )


def test_the_buckets_of_a_histogram_hold_all_up_to_their_bound() -> None:
    lasts = HistogramFamily("lasts", "How long.", (), {"app": "x"}, ("1", "2.5"))
    for amount in (0.5, 1, 2, 9):
        lasts.observe((), amount)
    assert list(lasts.lines()) == [
        "# HELP lasts How long.",
        "# TYPE lasts histogram",
        'lasts_bucket{app="x",le="1"} 2',
        'lasts_bucket{app="x",le="2.5"} 3',
        'lasts_bucket{app="x",le="+Inf"} 4',
        'lasts_sum{app="x"} 12.5',
        'lasts_count{app="x"} 4',
    ]


def test_what_was_never_measured_is_left_out() -> None:
    assert exposition([CounterFamily("seen", "How often.", (), {})], {}) == ""


def test_labels_that_are_others_each_time_are_counted_together_in_the_end() -> None:
    seen = CounterFamily("seen", "How often.", ("path",), {})
    lasts = HistogramFamily("lasts", "How long.", ("path",), {}, ("1",))
    for number in range(families.MOST_CHILDREN + 5):
        seen.add((f"/{number}",))
        lasts.observe((f"/{number}",), 0)
    assert 'seen{path=""} 5' in list(seen.lines())
    assert 'lasts_count{path=""} 5' in list(lasts.lines())
