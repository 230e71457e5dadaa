"""Runs the command line as ``python -m hybridplace``."""

from hybridplace.cli import main

main()
