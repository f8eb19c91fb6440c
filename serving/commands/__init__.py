"""The command line of `python -m serving`, a file a verb."""
