"""Sends orders to another app by the client of Dapr's SDK."""

import json
import os
import time

import grpc
from dapr.clients import DaprClient

os.environ["DAPR_API_METHOD_INVOCATION_PROTOCOL"] = "grpc"  # else it is HTTP

ORDERS = "order-processor", "orders"

with DaprClient() as client:
    for number in range(1, 6):
        order, answer = json.dumps({"orderId": number}), None
        while answer is None:
            try:
                answer = client.invoke_method(*ORDERS, order, content_type="application/json")
            except grpc.RpcError:  # the other app is starting
                time.sleep(0.2)
        print("Order passed:", number, answer.text(), answer.content_type, flush=True)
time.sleep(600)
