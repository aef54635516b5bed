"""Publishing to the loaded components, within what their scopes allow."""
