"""The real engines that some tests need, set up by `python3 dev.py engines`. Standard library only."""
