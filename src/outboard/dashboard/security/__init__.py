"""Who may look at the dashboard, decided over values. Pure."""
