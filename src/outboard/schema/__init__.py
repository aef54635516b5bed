"""JSON Schema of what Dapr reads, made from the facts that `check` goes by, for editors."""
