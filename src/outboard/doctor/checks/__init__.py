"""What is decided about each hop: functions from what was seen to results. Pure."""
