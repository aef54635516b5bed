"""What an app subscribes to, and which of its paths an event goes to. Pure."""
