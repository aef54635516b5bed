"""The notification service of the to-do system: takes the events of `task-events`, and shows them live."""
