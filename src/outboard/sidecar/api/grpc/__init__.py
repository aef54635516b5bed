"""Dapr's gRPC API: messages read, the use cases called, replies written as daprd writes them.

The only folder that knows grpc and the stubs, which are an extra: it is imported where they are installed.
"""
