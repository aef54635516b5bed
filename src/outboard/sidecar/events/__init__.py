"""Events on their way: the envelope that is published, and what is read of one that arrives. Pure."""
