"""Components of one's own: processes that are reached by gRPC over Unix sockets, as daprd reaches them."""
