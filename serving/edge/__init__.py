"""The edge: what a connection may send before the API knows its caller."""
