"""AsyncAPI: the events of apps as a document, and whether a new one breaks who has the old one."""
