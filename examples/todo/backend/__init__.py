"""The backend of the to-do system: keeps the tasks, and says on `task-events` what happened to them."""
