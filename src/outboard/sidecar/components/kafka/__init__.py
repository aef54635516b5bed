"""`pubsub.kafka`, and what it is made of. Only `library` touches the client library."""
