"""What answers each endpoint, one file a family of them."""
