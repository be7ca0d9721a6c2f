"""Let `python -m include.cli` run the command line."""

from include.cli.main import main

if __name__ == "__main__":
    main()
