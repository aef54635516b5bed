"""A Kafka and a Redis on this machine, without containers: started, found again, and stopped."""
