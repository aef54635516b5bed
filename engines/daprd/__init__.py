"""daprd, built from Dapr's own Go module with the few components that Outboard is compared on."""
