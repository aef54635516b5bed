"""Apache Kafka of one node (KRaft), from the jars of Maven Central."""
