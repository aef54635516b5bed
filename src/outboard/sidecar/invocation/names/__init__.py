"""Where the sidecar of an app is found: on the disk of this machine, or in daprd's SQLite file of names."""
