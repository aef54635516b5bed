"""What a run starts: settings, `dapr.yaml`, ports and command lines decided before anything is started."""
