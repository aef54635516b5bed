"""Reads secrets over plain HTTP."""

import os
import time

import httpx

url = f"http://localhost:{os.environ['DAPR_HTTP_PORT']}/v1.0/secrets/localsecretstore"
with httpx.Client(trust_env=False, timeout=20) as client:
    print("Secret found:", client.get(f"{url}/secret").json(), flush=True)
    print("Secrets found:", sorted(client.get(f"{url}/bulk").json().items()), flush=True)
time.sleep(600)
