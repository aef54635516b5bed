"""The engines of tests: the sidecar inside the test process, or real ones in processes of their own."""
