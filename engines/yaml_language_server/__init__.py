"""The YAML language server that editors use, from npm."""
