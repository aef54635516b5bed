"""Which versions of the packages from the index `dev.py` installs, and how that list is made."""
