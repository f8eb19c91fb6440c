"""What was posted over the API: events of customers, changes of products."""
