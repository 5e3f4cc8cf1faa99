"""`python -m quixess` is the command line."""

from quixess.cli import main

main()
