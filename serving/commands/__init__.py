"""The commands of `python -m serving`, one file each."""
