"""What changes a digest of the code, and what does not."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from configs.code import ROOT, source_digest
from features.customer_row import ROW_CODE
from features.snapshots import CODE_VERSION

PRINT = "from configs.code import source_digest; print(source_digest('features.views'))"


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A copy of configs and features."""
    ignore = shutil.ignore_patterns("__pycache__")
    for package in ("configs", "features"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignore)
    return tmp_path


def digest(code: Path, file: str, old: str, new: str) -> str:
    """Return the digest of the views after `old` became `new` in `file`."""
    path = code / "features" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    command = [sys.executable, "-c", PRINT]
    done = subprocess.run(command, cwd=code, capture_output=True, text=True, check=True)
    path.write_text(text, encoding="utf-8")
    return done.stdout.strip()


def test_versions_follow_from_the_code() -> None:
    assert source_digest("features.views") == CODE_VERSION
    assert f"{source_digest('features.customer_row')}/{CODE_VERSION}" == ROW_CODE


def test_comments_docstrings_and_other_rooms_do_not_count(code: Path) -> None:
    for file, old, new in (
        ("customer_features.py", "# Orders of the coming", "# All orders of the coming"),
        ("transforms.py", "Guests count in units", "A guest counts in units"),
        ("schema.py", "1e12", "1e11"),
    ):
        assert digest(code, file, old, new) == CODE_VERSION, file


def test_all_that_decides_a_snapshot_counts(code: Path) -> None:
    for file, old, new in (
        ("customer_features.py", '"orders_30d", ORDERS, days=30', '"orders_30d", ORDERS, days=31'),
        ("product_features.py", "(3, 7, 28, 90)", "(3, 7, 28, 91)"),
        ("customer_history.py", "rows=(-HISTORY_LENGTH, -1)", "rows=(-HISTORY_LENGTH, -2)"),
        ("point_in_time.py", "decimal(38, 6)", "decimal(38, 5)"),
        ("aggregations.py", '"nunique"', '"count"'),
        ("transforms.py", '["sale", "fee"]', '["sale"]'),
        ("times.py", "86_400_000_000", "86_400_000_001"),
        ("views.py", "rows.event_timestamp)", "rows.created_timestamp)"),
    ):
        assert digest(code, file, old, new) != CODE_VERSION, file
