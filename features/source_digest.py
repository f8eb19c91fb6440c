"""A digest of source code: when it changes, stored results have to be computed again."""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).resolve().parents[1]


@cache
def source_digest(module: str) -> str:
    """Return the digest (16 hex digits) of `module` and of all its imports from its package.

    Comments, docstrings and layout do not count; everything else does, constants included.
    """
    sources: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        file = _ROOT / f"{name.replace('.', '/')}.py"
        if name not in sources and file.exists():
            tree = ast.parse(file.read_text(encoding="utf-8"))
            waiting += _imports(tree, package=module.partition(".")[0])
            sources[name] = normalized(tree)
    return hashlib.sha256(repr(sorted(sources.items())).encode()).hexdigest()[:16]


def normalized(tree: ast.Module) -> str:
    """Return `tree` as text, without docstrings and other bare strings.

    >>> normalized(ast.parse("def f():\\n    'Return one.'\\n    return 1  # always"))
    'def f():\\n    return 1'
    """
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [part for part in body if not _is_text(part)]  # type: ignore[attr-defined]
    return ast.unparse(tree)


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _imports(tree: ast.Module, *, package: str) -> Iterator[str]:
    """Yield the names that `tree` imports from `package`: modules, or names in them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith(f"{package}."))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == package:
            yield str(node.module)
            yield from (f"{node.module}.{name.name}" for name in node.names)
