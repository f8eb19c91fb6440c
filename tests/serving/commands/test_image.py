"""The image has Python, one uv and the run-time lock: no compiler, git or tool of development."""

import re
import shutil
from pathlib import Path

import pytest

from serving.commands.image import ENVIRONMENT, WITHOUT, image, locked
from serving.commands.package import LOCKS
from tests.locks import DEVELOPMENT, RUN, TORCH, pins, text_of
from tests.pages import ROOT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the locks."""
    for lock in LOCKS:
        shutil.copy2(ROOT / lock, tmp_path / lock)
    return tmp_path


def test_the_image_installs_the_run_time_lock(folder: Path) -> None:
    made = image(folder)
    required = pins(made.python_requirements)
    assert required.keys() == {*pins(text_of(RUN)), "torch"}
    assert [name for name, pin in required.items() if not pin.hashes] == ["torch"]
    assert required["torch"].version == pins(text_of(TORCH))["torch"].version
    assert not required.keys() & pins(text_of(DEVELOPMENT)).keys()
    assert not made.lock_python_packages
    assert made.build_include_paths == [WITHOUT]
    assert ENVIRONMENT["UV_EXCLUDE"] == WITHOUT


def test_the_image_gets_no_package_of_its_distribution(folder: Path) -> None:
    first, second = image(folder).commands  # BentoML adds none of its own
    (uv,) = re.findall(r"^echo '(.*)' > /tmp/uv.txt$", first)
    assert pins(f"{uv}\n") == pins(locked("uv", ROOT / DEVELOPMENT))
    assert second == "pip install --no-cache-dir --no-deps --require-hashes -r /tmp/uv.txt"


def test_a_lock_without_a_package_is_named(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"requirements.lock has no line uv==.*`make lock`"):
        locked("uv", folder / RUN)
