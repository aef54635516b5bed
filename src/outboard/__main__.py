"""`python -m outboard` is the `outboard` command."""

from outboard.cli import main

if __name__ == "__main__":
    main()
