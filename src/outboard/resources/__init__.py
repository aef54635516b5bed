"""Dapr's resource files, read into values that know their file and line."""
