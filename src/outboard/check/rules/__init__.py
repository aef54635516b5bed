"""What is looked for in documents that have been read: a family of rules a module. Pure."""
