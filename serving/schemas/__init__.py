"""What goes over the wire. The OpenAPI document is made from it; within v1 only additions."""
