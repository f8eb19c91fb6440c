"""A digest of source code: when it changes, stored results have to be computed again."""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache

from configs.code import ROOT, normalized


@cache
def source_digest(module: str) -> str:
    """Return the digest (16 hex digits) of `module` and of all its imports from its package.

    Comments, docstrings and layout do not count; everything else does, constants included.
    """
    sources: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        file = ROOT / f"{name.replace('.', '/')}.py"
        if name not in sources and file.exists():
            source = file.read_text(encoding="utf-8")
            waiting += _imports(source, package=module.partition(".")[0])
            sources[name] = normalized(source)
    return hashlib.sha256(repr(sorted(sources.items())).encode()).hexdigest()[:16]


def _imports(source: str, *, package: str) -> Iterator[str]:
    """Yield the names that `source` imports from `package`: modules, and their members."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith(f"{package}."))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == package:
            yield str(node.module)
            yield from (f"{node.module}.{name.name}" for name in node.names)
