"""Schemas of requests and responses; the OpenAPI document uses them. v1 only gets additions."""
