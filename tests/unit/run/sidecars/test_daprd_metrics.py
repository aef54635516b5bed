"""What the metrics of a daprd say of the topics that were published to."""

from __future__ import annotations

from outboard.run.sidecars.daprd_metrics import published_topics

METRICS = r"""
# HELP dapr_component_pubsub_egress_count The number of outgoing messages published to the component.
# TYPE dapr_component_pubsub_egress_count counter
dapr_component_pubsub_egress_count{app_id="a",component="p",namespace="",success="true",topic="orders"} 1
dapr_component_pubsub_egress_count{app_id="a",component="p",namespace="",success="false",topic="failed"} 3
dapr_component_pubsub_egress_bulk_count{app_id="a",component="p",success="true",topic="bulk"} 2
dapr_component_pubsub_egress_latencies_count{app_id="a",component="p",success="true",topic="other"} 2
dapr_component_pubsub_egress_count{app_id="a",component="p",success="true",topic="a\"}\\b {c"} 1e+06
"""


def test_the_topics_that_were_published_to_alone_or_in_bulk() -> None:
    assert list(published_topics(METRICS)) == [("p", "orders"), ("p", "bulk"), ("p", 'a"}\\b {c')]


def test_other_text_tells_nothing() -> None:
    assert list(published_topics("<html>no metrics here</html>")) == []
