"""Read any table file as text, and parse its numbers and times: the one door for a shop's files."""
