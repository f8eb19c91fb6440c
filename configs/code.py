"""Identity of the running code, so that files made by other code are not reused."""

import ast
import hashlib
import json
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
"""The folder of the packages: the repository, or a copy."""
PACKAGES: Final = ("configs", "features", "training")
"""The code that fits a version. A version contains it, to load where only REQUIREMENTS exist."""
OUTSIDE_MODELS: Final = (
    "features/datasets",
    "features/files",
    "features/inspect",
    "features/simulator",
    "features/checks",
    "training/benchmarks",
    "training/commands",
    "training/promotion",
    "training/reports",
)
"""Folders whose code no model depends on: what the first four write is in the data's digest,
the others train nothing or only show figures."""


@cache
def code_digest() -> str:
    """Return the digest of the code that makes models, as this process runs it."""
    return digest_models_code(ROOT)


@cache
def byte_digest() -> str:
    """Return the digest of every byte of the sources: fast, and different after any change."""
    digest = hashlib.sha256()
    for file in _sources(ROOT):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def digest_models_code(root: Path) -> str:
    """Return the digest of the code in `root` that models are made by.

    It covers PACKAGES without OUTSIDE_MODELS and without the command lines (`__main__.py`).
    Comments, docstrings and layout do not change it; another Python version may.
    """
    digest = hashlib.sha256()
    outside = tuple(root / folder for folder in OUTSIDE_MODELS)
    for file in _sources(root):
        if file.name == "__main__.py" or any(file.is_relative_to(folder) for folder in outside):
            continue
        code = normalized(file.read_text(encoding="utf-8"))
        digest.update(f"{file.relative_to(root)}\n{code}\n".encode())
    return digest.hexdigest()[:16]


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


def normalized(source: str) -> str:
    """Return the Python `source` without comments, docstrings, other bare strings and layout.

    >>> normalized("def f():\\n    'Return one.'\\n    return 1  # always")
    'def f():\\n    return 1'
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [part for part in body if not _is_text(part)]  # type: ignore[attr-defined]
    return ast.unparse(tree)


def digest_of(*parts: object) -> str:
    """Return the digest of `parts`, values that JSON can hold.

    >>> digest_of({"a": 1, "b": [2]}) == digest_of({"b": (2,), "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def git_commit() -> str:
    """Return the commit of this code, with `-dirty` if files differ; `unknown` outside of git."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _imports(source: str, *, package: str) -> Iterator[str]:
    """Yield the names that `source` imports from `package`: modules, and their members."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith(f"{package}."))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == package:
            yield str(node.module)
            yield from (f"{node.module}.{name.name}" for name in node.names)


def _sources(root: Path) -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((root / package).rglob("*.py"))
