"""Reading secrets from the loaded stores, as far as the Configuration lets this app."""
