"""Publishes orders over plain HTTP."""

import os
import time

import httpx

url = f"http://localhost:{os.environ['DAPR_HTTP_PORT']}/v1.0/publish/orderpubsub/orders"
with httpx.Client(trust_env=False, timeout=20) as client:
    for number in range(1, 6):
        answer = client.post(url, json={"orderId": number})
        print("Order published:", number, answer.status_code, flush=True)
time.sleep(600)
