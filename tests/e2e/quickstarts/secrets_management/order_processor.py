"""Reads a secret by the client of Dapr's SDK."""

import time

from dapr.clients import DaprClient

with DaprClient() as client:
    secret = client.get_secret(store_name="localsecretstore", key="secret")
    print("Secret found:", secret.secret, flush=True)
    every = client.get_bulk_secret(store_name="localsecretstore")
    print("Secrets found:", sorted(every.secrets.items()), flush=True)
time.sleep(600)
