"""Segments of customers: RFM groups, lifecycle states, filters, and who was in one when."""
