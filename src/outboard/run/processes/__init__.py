"""Programs with everything they start, ended as a whole, on POSIX and on Windows."""
