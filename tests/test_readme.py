"""The README's commands work when pasted: its `bash` blocks, in order, are one script."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_bash_blocks_run_in_order(tmp_path: Path) -> None:
    script = "\n".join(["set -euo pipefail", *blocks("bash")])
    script = script.replace(".regulars-readme", str(tmp_path / "shop"))
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with (tmp_path / "output").open("w") as output:
        done = subprocess.run(
            ["bash", "-c", script],
            check=False,
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
        )
    assert done.returncode == 0, (tmp_path / "output").read_text()[-4000:]


def test_every_make_target_named_in_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)", README))
    assert named
    assert named <= targets


def test_every_path_in_the_readme_tree_exists() -> None:
    (tree,) = blocks("text")
    paths = re.findall(r"^(\S+)", tree, flags=re.MULTILINE)
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []
