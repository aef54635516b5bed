"""Takes orders by a stream that it opens itself: it has no port."""

import time
from typing import Any

from dapr.clients import DaprClient
from dapr.clients.grpc._response import TopicEventResponse


def take_order(message: Any) -> TopicEventResponse:
    order = message.data()
    print("Order received:", order, message.source(), message.data_content_type(), flush=True)
    return TopicEventResponse("success")


with DaprClient() as client:
    client.subscribe_with_handler(pubsub_name="orderpubsub", topic="orders", handler_fn=take_order)
    time.sleep(600)
