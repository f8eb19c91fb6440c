"""Settings: frozen pydantic models, filled from YAML files and `key=value` overrides."""
