"""What every state store shares: how values are stored, read and encrypted."""
