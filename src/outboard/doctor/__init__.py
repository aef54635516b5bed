"""Where an event stays: what is seen of apps, sidecars and brokers, and what follows from it, hop by hop."""
