"""Load a config: defaults of its class, then a YAML file, then `key=value` overrides."""

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pydantic
import yaml

from configs.errors import UserError


class Config(pydantic.BaseModel):
    """Base of every config: frozen, and an unknown key is an error."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")


C = TypeVar("C", bound=Config)


class ConfigError(UserError, ValueError):
    """A config has an unknown key, or a value that breaks a rule."""


def put(values: dict[str, Any], key: str, value: Any) -> None:
    """Set the dotted `key` of nested `values`. Raises ConfigError if a parent is not a mapping.

    >>> values = {"k": 1, "part": {"size": 2}}
    >>> put(values, "part.lr", 3)
    >>> values
    {'k': 1, 'part': {'size': 2, 'lr': 3}}
    """
    target = values
    *parents, leaf = key.split(".")
    for parent in parents:
        target = target.setdefault(parent, {})
        if not isinstance(target, dict):
            raise ConfigError(f"key {key!r}: {parent!r} holds a value, not keys")
    target[leaf] = value


def load_config(
    cls: type[C],
    path: Path | None = None,
    overrides: Sequence[str] = (),
    *,
    loader: type[yaml.SafeLoader] = yaml.SafeLoader,
) -> C:
    """Return `cls` filled from `path` (YAML, overrides only), then from `key=value` strings.

    A key may be dotted (`optimizer.lr=0.01`); `loader` reads values as YAML. Raises ConfigError
    naming the file or override, the key, the value and the rule.

    >>> class Demo(Config):
    ...     epochs: int = 4
    >>> load_config(Demo, overrides=["epochs=7"])
    Demo(epochs=7)
    """
    values: dict[str, Any] = {}
    source = "defaults"
    if path is not None:
        source = str(path)
        try:
            read = yaml.load(path.read_text(encoding="utf-8"), loader)
        except FileNotFoundError:
            raise ConfigError(f"{path}: no such config file") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: not valid YAML: {error}") from error
        if read is not None and not isinstance(read, dict):
            raise ConfigError(f"{path}: a config is a mapping of keys to values")
        values = read or {}
    for override in overrides:
        key, separator, text = override.partition("=")
        if not separator or not key:
            raise ConfigError(f"override {override!r}: write key=value")
        try:
            put(values, key, yaml.load(text, loader))
        except yaml.YAMLError as error:
            raise ConfigError(f"override {override!r}: not a YAML value: {error}") from error
        source = f"{source} with {override}"
    return checked(cls, values, source=source)


def checked(cls: type[C], values: dict[str, Any], *, source: str) -> C:
    """Return `cls` of `values`, which `source` gave.

    Raises ConfigError naming `source`, the key, the value and the rule.
    """
    try:
        return cls(**values)
    except pydantic.ValidationError as error:
        problems = "; ".join(
            _place(problem["loc"], problem["input"]) + problem["msg"] for problem in error.errors()
        )
        near = "".join(_nearest(cls, problem) for problem in error.errors())
        known = ", ".join(cls.model_fields)
        raise ConfigError(f"{source}: {problems} (known keys: {known}){near}") from error


def _nearest(cls: type[Config], problem: Any) -> str:
    """Return what an unknown key was probably meant to be, in words; empty for other problems."""
    if problem["type"] != "extra_forbidden":
        return ""
    key = ".".join(map(str, problem["loc"]))
    near = difflib.get_close_matches(key, list(_keys(cls)), n=1)
    return f"; is {near[0]} meant?" if near else ""


def _keys(cls: type[Config], prefix: str = "") -> Iterator[str]:
    for name, field in cls.model_fields.items():
        yield prefix + name
        part = field.annotation
        if isinstance(part, type) and issubclass(part, Config):
            yield from _keys(part, f"{prefix}{name}.")


def _place(location: tuple[int | str, ...], value: object) -> str:
    """Return `key = value: ` for a message; only the key of a whole section, nothing at the top."""
    if not location:
        return ""
    key = ".".join(str(part) for part in location)
    return f"{key}: " if isinstance(value, dict) else f"{key} = {value!r}: "
