"""What a check found, as text and in the forms that other programs read. Pure."""
