"""What the OpenAPI document says of each field: the string that stands below it in the code."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec


def describe(components: dict[str, dict[str, Any]]) -> None:
    """Add to the fields of `components`, by the Struct's name, what the code says of them.

    A description that stands there already is kept, with what the code says before it.
    """
    structs = {struct.__name__: struct for struct in _structs(msgspec.Struct)}
    for name, schema in components.items():
        if name not in structs:
            continue
        said = documented(structs[name])
        if "description" in schema:
            schema["description"] = inspect.cleandoc(schema["description"])
        for field, content in schema.get("properties", {}).items():
            if field in said:
                texts = [said[field], content.get("description", "")]
                content["description"] = " ".join(filter(None, texts))


def documented(struct: type) -> dict[str, str]:
    """Return the docstring of each field of `struct` that has one, inherited fields included.

    >>> from serving.schemas.base import Answer
    >>> documented(Answer)["experiments"]
    'Empty when the customer is in none.'
    """
    said: dict[str, str] = {}
    for part in reversed(struct.__mro__):
        if issubclass(part, msgspec.Struct) and part is not msgspec.Struct:
            said.update(_below_fields(part))
    return said


def _below_fields(struct: type) -> Iterator[tuple[str, str]]:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(struct))).body
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    for field, below in pairwise(body):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            yield field.target.id, " ".join(str(below.value.value).split())


def _structs(parent: type) -> Iterator[type]:
    child: type
    for child in parent.__subclasses__():
        if child.__module__.startswith("serving."):
            yield child
        yield from _structs(child)
