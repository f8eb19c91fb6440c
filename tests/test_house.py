"""The house as its plan says: few files at the top, short ones, tests that mirror the code."""

import ast
import re
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("configs", "features", "training", "experiments", "serving")
CODE = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
TESTS = sorted((ROOT / "tests").rglob("*.py"))


@pytest.mark.parametrize(("package", "most"), [("training", 16), ("serving", 8)])
def test_a_package_has_few_files_at_its_top(package: str, most: int) -> None:
    assert len(list((ROOT / package).glob("*.py"))) <= most


def test_files_are_short() -> None:
    lengths = [len(file.read_text(encoding="utf-8").splitlines()) for file in CODE]
    assert median(lengths) <= 125
    assert max(lengths) <= 300


def test_no_test_file_imports_another() -> None:
    for file in TESTS:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            for name in names:
                parts = name.split(".")
                assert parts[0] != "tests" or not any(p.startswith("test_") for p in parts), (
                    f"{file.relative_to(ROOT)} imports {name}: put what they share elsewhere"
                )


def test_tests_mirror_the_code() -> None:
    """Except the attacks, which no part of the code owns: they go at a whole service."""
    for file in TESTS:
        folder = file.parent.relative_to(ROOT / "tests")
        if not file.name.startswith("test_") or folder == Path("attack"):
            continue
        assert (ROOT / folder).is_dir(), f"{file.relative_to(ROOT)}: there is no folder {folder}"


@pytest.mark.parametrize(
    ("number", "home"),
    [
        (r"days=28\b|WINDOW_DAYS: Final = ", "training/data/windows.py"),
        (r"days=8\b|\b8 \* DAY_US", "features/times.py"),
    ],
)
def test_a_number_has_one_home(number: str, home: str) -> None:
    """The days of a recommender's window, and those after which features are stale."""
    homes = [str(file.relative_to(ROOT)) for file in CODE if re.search(number, file.read_text())]
    assert homes == [home]
