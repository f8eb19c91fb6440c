"""The pages are true: bash blocks run when pasted, commands, links and paths exist."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.pages import (
    FOLDERS,
    PAGES,
    ROOT,
    anchors,
    blocks,
    console_commands,
    fault,
    links,
    prose,
    simple_commands,
    story,
    text_of,
)

RUN_ELSEWHERE = {"serving/README.md"}  # by tests/serving/test_integrators_page.py
_SAFELY = "set -euo pipefail\ntrap 'kill $(jobs -p) 2> /dev/null || true' EXIT"
RUN_HERE = [page for page in PAGES if blocks(page, "bash") and page not in RUN_ELSEWHERE]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_bash_blocks_run_in_order(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for page in story(RUN_HERE):
        script = "\n".join([_SAFELY, *blocks(page, "bash")])
        output, start = tmp_path / "output", time.monotonic()
        with output.open("w") as file:
            done = subprocess.run(
                ["bash", "-c", script.replace(".regulars-readme", str(tmp_path / "shop"))],
                check=False,
                cwd=ROOT,
                env=environment,
                stdout=file,
                stderr=file,
            )
        print(f"{page}: {time.monotonic() - start:.0f} s")
        assert done.returncode == 0, f"{page}:\n{output.read_text()[-4000:]}"


def test_a_page_follows_the_page_whose_workspace_it_uses() -> None:
    order = story(RUN_HERE)
    assert set(order) == set(RUN_HERE)
    assert order.index("training/README.md") < order.index("serving/OPERATIONS.md")
    assert order.index("training/README.md") < order.index("experiments/README.md")


def test_every_command_of_a_console_block_exists() -> None:
    checked = 0
    for page in PAGES:
        for block in blocks(page, "console"):
            commands = list(console_commands(block))
            assert commands, f"{page}: a console block without a command:\n{block}"
            for command in commands:
                for words in simple_commands(command):
                    checked += 1
                    assert fault(words) is None, f"{page}: {command}: {fault(words)}"
    assert checked > 20


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("python -m training fitt two_tower", "no such verb"),
        ("python -m training fit two_tower --as-off 2011-09-11", "No such option"),
        ("python -m training score recommendations", "Missing option"),
        ("python -m serving keys", "Missing command"),
        ("make demmo", "no target"),
        ("regulars fit", "no known command"),
    ],
)
def test_a_wrong_command_is_found(command: str, reason: str) -> None:
    (words,) = simple_commands(command)
    assert reason in str(fault(words))


def test_every_command_in_backticks_exists() -> None:
    for page in PAGES:
        for command in re.findall(r"`((?:python -m|make) [^`]+)`", prose(page)):
            for words in simple_commands(command.replace("\n", " ")):
                wrong = fault(words)
                assert wrong is None or "Missing" in wrong, f"{page}: `{command}`: {wrong}"


def test_every_relative_link_resolves() -> None:
    checked = 0
    for page in PAGES:
        for target, fragment in links(page):
            checked += 1
            file = (ROOT / page).parent / target if target else ROOT / page
            assert file.exists(), f"{page}: there is no {target}"
            if fragment:
                name = str(file.resolve().relative_to(ROOT))
                assert fragment in anchors(name), f"{page}: {name} has no heading #{fragment}"
    assert checked > 20


def test_every_path_in_backticks_exists() -> None:
    path = re.compile(rf"`((?:{'|'.join(FOLDERS)})/[\w/.-]+)`")
    for page in PAGES:
        if page != "CHANGELOG.md":  # it names files of earlier versions
            assert [p for p in path.findall(prose(page)) if not (ROOT / p).exists()] == [], page


def test_the_readme_is_short() -> None:
    assert len(text_of("README.md").splitlines()) <= 200


def test_the_tree_in_the_readme_is_that_of_the_repository() -> None:
    (tree,) = (block for block in blocks("README.md", "text") if block.startswith("configs/"))
    named: set[str] = set()
    parents: list[str] = []
    for line in tree.splitlines():
        indent = len(line) - len(line.lstrip())
        names = re.match(r"\S+(?: +\S+\.\w+(?= ))*", line.lstrip())
        assert names is not None
        assert indent % 2 == 0, line
        parents = parents[: indent // 2]
        prefix = "".join(parents)
        named |= {prefix + name for name in names[0].split()}
        if names[0].endswith("/"):
            parents.append(names[0])
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
    folders = {
        f"{file.parent.relative_to(ROOT)}/"
        for folder in FOLDERS[:-1]  # tests/ mirrors the others: test_house.py
        for file in (ROOT / folder).rglob("*")
        if file.suffix in {".py", ".yaml"}
    }
    assert folders - named == set()
