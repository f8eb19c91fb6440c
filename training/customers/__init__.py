"""The models that predict what a customer will do."""
