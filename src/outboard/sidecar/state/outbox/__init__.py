"""The transactional outbox of state stores: an event goes out if, and only if, its transaction was done."""
