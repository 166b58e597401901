"""`python -m skyhouse` is the command line."""

from skyhouse.cli import main

if __name__ == "__main__":
    main()
