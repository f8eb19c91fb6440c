"""What is written can be read by its own user alone, whatever the umask."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from configs.durable import locked, placing, replacing
from configs.privacy import make_private


@pytest.fixture(autouse=True)
def careless() -> Iterator[None]:
    """Set the umask of a user to whom privacy never mattered."""
    before = os.umask(0)
    yield
    os.umask(before)


def open_entries(home: Path) -> set[str]:
    """Return what others may read, write or enter."""
    entries = (home, *home.rglob("*"))
    return {
        str(path.relative_to(home))
        for path in entries
        if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) & 0o077
    }


def test_durable_writes_are_private(tmp_path: Path) -> None:
    with replacing(tmp_path / "file") as file:
        file.write(b"x")
    with placing(tmp_path / "folder") as folder:
        (folder / "part").mkdir()
        (folder / "part" / "file").touch()
    with locked(tmp_path / ".lock"):
        pass
    assert open_entries(tmp_path) == set()


def test_an_output_is_as_its_user_wants_it(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from configs.durable import replacing; from configs import privacy\n"
        "privacy.keep_private(); folder = Path(sys.argv[1])\n"
        "with replacing(folder / 'output', mode=privacy.output_mode()): pass\n"
        "(folder / 'own').touch(); (folder / 'bento').mkdir(); (folder / 'bento/file').touch()\n"
        "privacy.open_to_others(folder / 'bento')"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, umask=0o027)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes == {"output": 0o640, "own": 0o600, "bento": 0o750, "file": 0o640}


def test_a_folder_of_before_is_closed_with_all_in_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home = tmp_path / "shop"
    (home / "part").mkdir(parents=True)
    (home / "part" / "file").touch()
    (home / "link").symlink_to("/etc/hostname")
    before = Path("/etc/hostname").stat().st_mode
    assert make_private(home, whole=False) == 1
    assert open_entries(home) == {"part", "part/file"}
    assert make_private(home) == 2
    assert (open_entries(home), make_private(home)) == (set(), 0)
    assert Path("/etc/hostname").stat().st_mode == before
    assert caplog.messages == [
        f"{home}: other users could read {count} entries; now they cannot" for count in (1, 2)
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder of another user")
def test_a_folder_of_another_user_is_told_and_left(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from configs.privacy import make_private\n"
        "os.setuid(65534); print(make_private(Path(sys.argv[1])))"
    )
    home = tmp_path / "shop"
    home.mkdir()
    for folder in (tmp_path, *tmp_path.parents):
        if stat.S_IMODE(folder.stat().st_mode) == 0o700:  # pytest's own
            folder.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", code, str(home)], check=True, capture_output=True, text=True
    )
    assert done.stdout == "0\n"
    assert f"{home}: other users can read 1 entries" in done.stderr
    assert "give the workspace to the user who runs this" in done.stderr
    assert stat.S_IMODE(home.stat().st_mode) == 0o777
