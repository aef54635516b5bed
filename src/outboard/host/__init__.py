"""This machine: who owns a port, does something listen, is it free; does a process run, and since when."""
