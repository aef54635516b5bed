"""The outbox in a database. Only these modules import SQLAlchemy, which is an extra."""
