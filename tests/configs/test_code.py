"""The digest of the code that makes models: what changes it, and what does not."""

import subprocess
import sys
from pathlib import Path

import pytest

from configs.code import OUTSIDE_MODELS, digest_models_code

SOURCE = '''"""A module."""

LEVEL = 2
"""What it is raised to."""


def power(number: float) -> float:
    """Return the power."""
    return number**LEVEL  # of 2
'''
FILE = "training/networks/power.py"


def tree(root: Path, files: dict[str, str]) -> str:
    """Return the digest of code in `root` that holds FILE and `files`."""
    for name, text in {FILE: SOURCE, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return digest_models_code(root)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("A module.", "Powers of numbers."),
        ("What it is raised to.", "The exponent."),
        ("Return the power.", "Return `number` to the power of LEVEL.\n\n    Raises nothing."),
        ("  # of 2", ""),
        ("number**LEVEL", "(\n        number ** LEVEL\n    )"),
    ],
)
def test_wording_changes_nothing(tmp_path: Path, old: str, new: str) -> None:
    assert old in SOURCE
    reworded = tree(tmp_path / "b", {FILE: SOURCE.replace(old, new)})
    assert reworded == tree(tmp_path / "a", {})


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "training/README.md",
        "tests/training/test_power.py",
        "serving/answers.py",
        "experiments/power.py",
        "training/__main__.py",
        *(f"{folder}/power.py" for folder in OUTSIDE_MODELS),
    ],
)
def test_what_makes_no_model_changes_nothing(tmp_path: Path, name: str) -> None:
    assert tree(tmp_path / "b", {name: "LEVEL = 3\n"}) == tree(tmp_path / "a", {})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (FILE, SOURCE.replace("LEVEL = 2", "LEVEL = 3")),
        (FILE, SOURCE.replace("number**LEVEL", "LEVEL**number")),
        ("training/fit.py", ""),
        ("features/transforms.py", "DAYS = 30\n"),
        ("configs/compiled.py", "FAST = True\n"),
    ],
)
def test_what_is_computed_changes_it(tmp_path: Path, name: str, text: str) -> None:
    assert tree(tmp_path / "b", {name: text}) != tree(tmp_path / "a", {})


IMPORTS = """
import sys
from training.models import MODELS, config_class, model_class
import features.online.store, features.snapshots, training.evaluation.job
for name in MODELS:
    model_class(name), config_class(name)
print(*(name for name in sys.modules if name.startswith(("features", "training"))))
"""


def test_no_model_imports_code_that_the_digest_leaves_out() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS], check=True, capture_output=True, text=True
    )
    imported = done.stdout.split()
    assert "training.recommenders.two_stage.model" in imported
    outside = tuple(folder.replace("/", ".") for folder in OUTSIDE_MODELS)
    assert [name for name in imported if name.startswith(outside)] == []
