"""What predictions are worth in money: whom to contact, and what it earns."""
