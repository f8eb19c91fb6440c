"""From state and a request to an answer; nothing is written here."""
