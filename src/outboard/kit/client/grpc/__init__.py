"""Dapr's gRPC API behind the port; the only folder of the kit that knows grpc, which is an extra."""
