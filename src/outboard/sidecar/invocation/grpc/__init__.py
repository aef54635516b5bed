"""Calls of apps that speak gRPC: by the method that Dapr gives them, and by those of their own services.

It knows grpc and the stubs.
"""
