"""The real API server of Kubernetes with an etcd inside, and kubectl, in one program."""
