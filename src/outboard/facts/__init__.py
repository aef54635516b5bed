"""What is known of Dapr: the types of components with their metadata fields, and the annotations of pods."""
