"""Descriptions of fields in the OpenAPI document: the docstrings below the fields in the code."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec


def describe(components: dict[str, dict[str, Any]]) -> None:
    """Add the docstrings of the Structs' fields to `components` (keyed by the Struct's name).

    An existing description stays; the docstring goes before it.
    """
    structs = {struct.__name__: struct for struct in _structs(msgspec.Struct)}
    for name, schema in components.items():
        if name not in structs:
            continue
        docstrings = documented(structs[name])
        if "description" in schema:
            schema["description"] = inspect.cleandoc(schema["description"])
        for field, content in schema.get("properties", {}).items():
            if field in docstrings:
                texts = [docstrings[field], content.get("description", "")]
                content["description"] = " ".join(filter(None, texts))


def documented(struct: type) -> dict[str, str]:
    """Return the docstring of each field of `struct` that has one, inherited fields included.

    >>> from serving.schemas.base import Answer
    >>> documented(Answer)["experiments"]
    'Empty when the customer is in none.'
    """
    docstrings: dict[str, str] = {}
    for part in reversed(struct.__mro__):
        if issubclass(part, msgspec.Struct) and part is not msgspec.Struct:
            docstrings.update(_field_docstrings(part))
    return docstrings


def _field_docstrings(struct: type) -> Iterator[tuple[str, str]]:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(struct))).body
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    for field, following in pairwise(body):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            yield field.target.id, " ".join(str(following.value.value).split())


def _structs(parent: type) -> Iterator[type]:
    child: type
    for child in parent.__subclasses__():
        if child.__module__.startswith("serving."):
            yield child
        yield from _structs(child)
