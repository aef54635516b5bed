"""Other sidecars, spoken to as daprd's do among themselves; needs the extra `grpc`."""
