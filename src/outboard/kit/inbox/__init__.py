"""The inbox: each event takes effect once, however often it is delivered."""
