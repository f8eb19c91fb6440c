"""What answers at one moment: models, catalogue, customers."""
