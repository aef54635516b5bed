"""What `pubsub.kafka` is made of. Only `library` touches the client library."""
