"""Talks to the sidecars of a run, or opens a component for a moment: what commands ask beside a run."""
