"""`outboard info`: what a bug report should have. Looked at in one module, told as values by the others."""
