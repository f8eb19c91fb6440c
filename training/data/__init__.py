"""What a model may read, point in time."""
