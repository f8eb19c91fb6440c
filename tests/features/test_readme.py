"""The page for data engineers: its diffs are applied to a copy of the code, its block is run."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pandas as pd
import pytest

from configs.code import ROOT
from features.ingest import ingest
from features.schema import BadInput
from features.tables import read_table
from features.workspace import Workspace

PAGE: Final = (ROOT / "features" / "README.md").read_text(encoding="utf-8")
FEATURE, TABLE = re.findall(r"```diff\n(.*?)```", PAGE, re.DOTALL)
(ADAPTER,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def changed(diff: str) -> list[str]:
    return re.findall(r"^\+\+\+ b/(.*)$", diff, re.MULTILINE)


def check(folder: Path, diff: str, what: str) -> None:
    """Apply `diff` to a copy of the code, and run a check of tests.features.readme_checks on it."""
    code = folder / "code"
    for package in ("configs", "features"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, code / package, ignore=ignore)
    subprocess.run(["git", "apply", "-"], input=diff, text=True, cwd=code, check=True)
    done = subprocess.run(
        [sys.executable, "-m", "tests.features.readme_checks", what, code, folder / "shop"],
        cwd=code,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (code, ROOT)))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_feature_is_added_in_one_file_and_stands_everywhere(tmp_path: Path) -> None:
    assert changed(FEATURE) == ["features/customer_features.py"]
    check(tmp_path, FEATURE, "feature")


def test_a_table_is_added(tmp_path: Path) -> None:
    check(tmp_path, TABLE, "table")


def test_an_adapter_is_added(tmp_path: Path) -> None:
    file = tmp_path / "till.py"
    file.write_text(ADAPTER)
    spec = importlib.util.spec_from_file_location("till", file)
    assert spec is not None
    assert spec.loader is not None
    till = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(till)
    receipts = tmp_path / "receipts.csv"
    rows = ["r1,1,0012,a,2,1.5,2011-03-01T10:00", "r1,2,0012,b,1,,2011-03-01T10:00"]
    receipts.write_text("\n".join(["receipt,row,card,article,pieces,price,at", *rows]))
    ws = Workspace.create(tmp_path / "shop", clock="fixed:2011-12-10T00:00:00Z")
    result = ingest(ws, till.load(receipts))
    assert (result.read, dict(result.kept), dict(result.dropped)) == (
        2,
        {"sale": 1},
        {"no price": 1},
    )
    (row,) = read_table(ws, "order_lines").to_dict("records")
    assert (row["customer_id"], row["quantity"], row["unit_price"]) == ("0012", 2.0, 1.5)
    assert row["event_timestamp"] == pd.Timestamp("2011-03-01T10:00Z")
    receipts.write_text(receipts.read_text().replace("1.5", "-1"))
    with pytest.raises(BadInput, match=r"receipts.csv, row 0, column 'price', value -1"):
        ingest(ws, till.load(receipts))


def test_the_page_is_short() -> None:
    assert len(PAGE.splitlines()) <= 170
