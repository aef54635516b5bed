"""A durable log in one SQLite file: topics, partitions, consumer groups. What `pubsub.sqlite` is made of."""
