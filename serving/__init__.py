"""Prediction endpoints for CRM systems."""
