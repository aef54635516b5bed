"""The app over gRPC: what it is asked and given as messages, and what its answers mean.

It knows grpc and the stubs, which are an extra: it is imported for an app that speaks gRPC.
"""
