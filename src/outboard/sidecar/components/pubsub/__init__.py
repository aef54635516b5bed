"""What the pub/sub components of several families share."""
