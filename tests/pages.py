"""The Markdown pages of the repository: their code blocks, commands and links."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path
from typing import Final

from typer.main import get_command

ROOT: Final = Path(__file__).parent.parent
FOLDERS: Final = ("configs", "features", "training", "experiments", "serving", "tests")
PAGES: Final = sorted(
    str(page.relative_to(ROOT))
    for page in [*ROOT.glob("*.md"), *(p for f in FOLDERS for p in (ROOT / f).rglob("*.md"))]
)
"""Paths from the root."""
_GOES_ON: Final = re.compile(r"This page goes on with the workspace of\s+\[[^]]+\]\(([^)]+)\)")
_FENCED: Final = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"\]\(([^()\s]+)\)")
_BUILT_IN: Final = {"export"}
_TOOLS: Final = {"bentoml", "docker", "mlflow", "nginx", "pytest"}
"""Commands of other projects that a console block may name."""


@cache
def text_of(page: str) -> str:
    """Return the text of `page`."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of `page` in `language`, in order."""
    return [text for tag, text in _FENCED.findall(text_of(page)) if tag == language]


def prose(page: str) -> str:
    """Return `page` without its code blocks."""
    return _FENCED.sub("", text_of(page))


def story(pages: list[str]) -> list[str]:
    """Return `pages` in an order in which each page follows the page whose workspace it uses."""
    folders = {page: (ROOT / page).parent for page in pages}
    graph = {
        page: {
            str((folders[page] / target).resolve().relative_to(ROOT))
            for target in _GOES_ON.findall(text_of(page))
        }
        for page in pages
    }
    return list(TopologicalSorter(graph).static_order())


def console_commands(block: str) -> Iterator[str]:
    """Yield the commands of a console block: what follows `$ `, with its continuation lines.

    >>> list(console_commands("$ a 'b\\nc' \\\\\\n  d\\noutput\\n$ e\\n"))
    ["a 'b\\nc'   d", 'e']
    """
    command: str | None = None
    for line in block.splitlines():
        if command is not None:
            command += line
        elif line.startswith("$ "):
            command = line.removeprefix("$ ")
        else:
            continue
        if command.endswith("\\"):
            command = command.removesuffix("\\")
            continue
        try:
            _tokens(command)
        except ValueError:  # a quotation continues in the next line
            command += "\n"
            continue
        yield command
        command = None
    if command is not None:
        raise ValueError(f"{command!r} does not end in its block")


def simple_commands(command: str) -> Iterator[list[str]]:
    """Yield the words of each simple command in a command line, without variable assignments.

    >>> list(simple_commands("export K=$(a b | tail -1) && c 'd e' # f"))
    [['export'], ['a', 'b'], ['tail', '-1'], ['c', 'd e']]
    """
    words: list[str] = []
    for token in [*_tokens(command), ";"]:
        if set(token) <= set("();<>|&"):
            if words:
                yield words
            words = []
        elif not re.match(r"[A-Z_]+=", token) or (words and words[0] != "export"):
            words.append(token)


def fault(words: list[str]) -> str | None:
    """Return the fault of a simple command; None if it can be run as written."""
    match words:
        case ["python", "-m", package, *arguments]:
            return _fault_of_verb(package, arguments)
        case ["make", target, *_]:
            return None if target in _make_targets() else f"there is no target {target}"
        case ["python", "-c", code]:
            compile(code, "console block", "exec")
            return None
    known = _BUILT_IN | _TOOLS | {"tail"}
    return None if Path(words[0]).name in known else f"{words[0]} is no known command"


def links(page: str) -> Iterator[tuple[str, str]]:
    """Yield target and fragment (or "") of each relative link of `page`."""
    for link in _LINK.findall(prose(page)):
        if not re.match(r"[a-z]+:", link):
            target, _, fragment = link.partition("#")
            yield target, fragment


def anchors(page: str) -> set[str]:
    """Return the fragments of the headings of `page`, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _tokens(command: str) -> list[str]:
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return list(lexer)


def _fault_of_verb(package: str, arguments: list[str]) -> str | None:
    command = get_command(import_module(f"{package}.__main__").app)
    name, rest = f"python -m {package}", list(arguments)
    while rest and not rest[0].startswith("-") and hasattr(command, "commands"):
        name += f" {rest[0]}"
        if rest[0] not in command.commands:
            return f"{name}: there is no such verb"
        command = command.commands[rest.pop(0)]
    if rest == ["--help"]:
        return None
    if hasattr(command, "commands"):
        return f"{name}: Missing command"
    try:
        command.make_context(name, rest).close()
    except Exception as error:  # typer carries its own copy of click's UsageError
        if not hasattr(error, "format_message"):
            raise
        return f"{name}: {error.format_message()}"
    return None


@cache
def _make_targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
