"""The ASGI application: routes, checks, the OpenAPI document."""
