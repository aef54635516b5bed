"""Apps loaded in processes of their own, and asked what they declare. Only where a person asks for it."""
