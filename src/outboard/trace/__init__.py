"""`outboard trace`: what became of events, told from the record of their hops."""
