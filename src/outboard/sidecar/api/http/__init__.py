"""Dapr's HTTP API: requests read, the use cases called, replies written as daprd writes them."""
