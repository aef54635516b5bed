"""How events are made whole, and reach the sidecar: alone, or together with others of their topic."""
