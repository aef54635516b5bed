"""Saves, reads and deletes orders over plain HTTP."""

import os
import time

import httpx

url = f"http://localhost:{os.environ['DAPR_HTTP_PORT']}/v1.0/state/statestore"
with httpx.Client(trust_env=False, timeout=20) as client:
    for number in range(1, 4):
        order = {"orderId": number}
        answer = client.post(url, json=[{"key": str(number), "value": order}])
        print("Order saved:", order, answer.status_code, flush=True)
        print("Order found:", client.get(f"{url}/{number}").json(), flush=True)
        client.delete(f"{url}/{number}")
        print("Order deleted:", client.get(f"{url}/{number}").status_code, flush=True)
time.sleep(600)
