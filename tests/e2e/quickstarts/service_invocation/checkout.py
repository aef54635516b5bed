"""Sends orders to another app by its own sidecar, over plain HTTP."""

import os
import time

import httpx

url = f"http://localhost:{os.environ['DAPR_HTTP_PORT']}/orders"
headers = {"dapr-app-id": "order-processor", "content-type": "application/json"}
with httpx.Client(trust_env=False, timeout=20) as client:
    for number in range(1, 6):
        while not (answer := client.post(url, json={"orderId": number}, headers=headers)).is_success:
            time.sleep(0.2)  # the other app is starting
        print("Order passed:", number, answer.status_code, answer.text, flush=True)
time.sleep(600)
