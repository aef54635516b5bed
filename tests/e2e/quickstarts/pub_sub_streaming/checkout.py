"""Publishes orders by the client of Dapr's SDK."""

import json
import time

from dapr.clients import DaprClient

with DaprClient() as client:
    for number in range(1, 6):
        client.publish_event(
            pubsub_name="orderpubsub",
            topic_name="orders",
            data=json.dumps({"orderId": number}),
            data_content_type="application/json",
        )
        print("Order published:", number, flush=True)
time.sleep(600)
