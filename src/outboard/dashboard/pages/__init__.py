"""The pages of the dashboard, a module and a template each; `registry.py` has the table of all."""
