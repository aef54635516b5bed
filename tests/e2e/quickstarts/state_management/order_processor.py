"""Saves, reads and deletes orders by the client of Dapr's SDK."""

import time

from dapr.clients import DaprClient

STORE = "statestore"

with DaprClient() as client:
    for number in range(1, 4):
        key, order = str(number), str({"orderId": number})
        client.save_state(STORE, key, order)
        print("Order saved:", order, flush=True)
        found = client.get_state(STORE, key)
        print("Order found:", found.data, bool(found.etag), flush=True)
        client.delete_state(store_name=STORE, key=key)
        print("Order deleted:", client.get_state(STORE, key).data, flush=True)
time.sleep(600)
