"""What each page shows, as values, from hops and from what sidecars tell. Pure."""
