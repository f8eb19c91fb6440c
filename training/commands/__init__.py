"""The command line of `python -m training`, a file a verb."""
