"""Looking around in a namespace of a Kubernetes cluster; behind the port `Look`."""
