"""A diagnosis as text, as JSON, and as a file with all that was seen and no secret in it."""
