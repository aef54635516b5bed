"""`outboard new`: a service to begin with. What is made is decided as values, then written.

The files of `templates` are what is made, with the service's names in the place of words in double braces.
Each has `.txt` behind its name, so that no tool takes it for a part of this package.
"""
