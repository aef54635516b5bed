"""The runs of this machine: a private folder each, where other commands find what runs, and what has run."""
