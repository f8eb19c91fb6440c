"""The models that rank products for a customer."""
