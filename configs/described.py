"""The settings of a config in words: key, default, allowed values, meaning."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from configs.loader import Config


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One key of a config."""

    key: str
    """Dotted for a key of a part's own config."""
    default: str
    """As YAML."""
    allowed: str
    meaning: str


def settings(config: Config, *, prefix: str = "") -> Iterator[Setting]:
    """Yield the settings of `config`, whose values are the defaults, in their order.

    >>> import pydantic
    >>> class Demo(Config):
    ...     epochs: int = pydantic.Field(4, ge=1, description="passes over the data")
    >>> [setting] = settings(Demo())
    >>> setting.key, setting.default, setting.allowed, setting.meaning
    ('epochs', '4', 'integer >= 1', 'passes over the data')
    """
    schema = type(config).model_json_schema()
    values = config.model_dump(mode="json")
    for name, field in type(config).model_fields.items():
        value = getattr(config, name)
        if isinstance(value, Config):
            yield from settings(value, prefix=f"{prefix}{name}.")
            continue
        yield Setting(
            key=prefix + name,
            default=_as_yaml(values[name]),
            allowed=_allowed(schema["properties"][name]),
            meaning=field.description or "",
        )


def _as_yaml(value: Any) -> str:
    return (
        yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("\n...\n").strip()
    )


def _allowed(schema: dict[str, Any]) -> str:
    """Return what a JSON schema allows, in words."""
    if "anyOf" in schema:
        return " or ".join(_allowed(part) for part in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if schema.get("type") == "array":
        return f"list of {_allowed(schema['items'])}" if "items" in schema else "list"
    bounds = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    words = [f"{sign} {schema[key]:g}" for key, sign in bounds.items() if key in schema]
    return " ".join([str(schema.get("type", "value")), *words])
