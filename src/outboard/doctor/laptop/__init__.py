"""Looking around on this machine: over HTTP, at its processes, its files, and the brokers that they name."""
