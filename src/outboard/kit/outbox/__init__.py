"""The transactional outbox: events are stored with the change that they tell of, and published after it."""
