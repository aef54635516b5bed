"""The sidecars of a run: Outboard's own in this process, or daprd, behind one port."""
