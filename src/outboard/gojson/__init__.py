"""JSON, base64 and text as Go's own packages read and write them, since daprd is written in Go. Pure."""
