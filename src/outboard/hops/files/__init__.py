"""The record of hops on disk: files in one folder, which every process of a run writes for itself."""
