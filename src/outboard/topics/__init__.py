"""Topics that are kept in files, looked after by a person: `outboard topics`."""
