"""Asking the app what it subscribes to, and looking after it from then on."""
