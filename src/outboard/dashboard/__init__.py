"""`outboard dashboard`: the flow of events in a browser, from records of hops and sidecars that run."""
