"""The keys of a workspace and their commands."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from configs.json_files import read_json, write_json
from serving.__main__ import app as command
from serving.access import keys
from serving.access.callers import Access
from serving.access.keys import KeysError

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    def run(*arguments: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(command, ["keys", *arguments, "--home", str(tmp_path)])
        return done.exit_code, done.stdout, done.stderr

    assert run("list")[1].startswith("no keys in ")
    status, said, _ = run("create", "web site", "--scope", "predict", "--per-second", "5")
    text = said.splitlines()[-1]
    key_id = text.split("_")[1]
    assert status == 0
    asked = {"headers": [(b"authorization", b"Bearer " + text.encode())]}
    assert Access(tmp_path).caller(asked).id == key_id
    _, listed, _ = run("list")
    assert key_id in listed
    assert "predict  web site, 5/s per worker" in listed
    assert text not in listed
    assert run("revoke", key_id[:4])[1] == f"revoked {key_id} of 'web site'\n"
    assert "revoked 20" in run("list")[1]
    for arguments, message in [
        (("revoke", key_id), "0 valid keys begin with it, it must be one"),
        (("revoke", ""), "it must be one"),
        (("create", "x", "--scope", "all"), "Invalid enum value 'all' - at `$.scopes[0]`"),
        (("create", "", "--scope", "admin"), "length >= 1 - at `$.name`"),
        (("create", "x", "--scope", "admin", "--per-second", "-1"), "at `$.per_second`"),
        (("create", "x", "--scope", "admin", "--per-second", "inf"), "name 0 for no limit"),
        (("create", "x\ny", "--scope", "admin"), "a name is one line"),
    ]:
        status, _, error = run(*arguments)
        assert status == 2
        assert message in error
    assert len(keys.read(tmp_path)) == 1


def test_keys_of_no_folder_or_a_spoilt_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(KeysError, match="no such folder"):
        keys.create(tmp_path / "none", "x", scopes=["admin"], now=NOW)
    write_json(keys.place(tmp_path), {"keys": [{"id": "x"}]})
    with pytest.raises(KeysError, match=r"keys\.json: cannot be read"):
        keys.read(tmp_path)
    with pytest.raises(KeysError, match=r"keys\.json: cannot be read"):
        keys.create(tmp_path, "x", scopes=["admin"], now=NOW)


@pytest.mark.parametrize(
    ("options", "per_second", "said"),
    [
        ((), 100, "100/s per worker"),
        (("--per-second", "2.5"), 2.5, "2.5/s per worker"),
        (("--per-second", "0"), None, "no limit"),
    ],
)
def test_a_new_key_has_a_rate_unless_none_is_asked_for(
    tmp_path: Path, options: tuple[str, ...], per_second: float | None, said: str
) -> None:
    asked = ["create", "web", "--scope", "predict", *options]
    for arguments in (asked, ["list"]):
        done = CliRunner().invoke(command, ["keys", *arguments, "--home", str(tmp_path)])
        assert said in done.stdout
    (key,) = keys.read(tmp_path)
    assert key.per_second == per_second


@pytest.mark.parametrize(("field", "value"), [("id", "0123abcd\n"), ("digest", "a" * 64 + "\n")])
def test_a_line_end_is_no_part_of_an_id(tmp_path: Path, field: str, value: str) -> None:
    key, _ = keys.create(tmp_path, "x", scopes=["admin"], now=NOW)
    stored = read_json(keys.place(tmp_path))
    stored["keys"][0][field] = value
    write_json(keys.place(tmp_path), stored)
    with pytest.raises(KeysError, match=r"keys\.json: cannot be read"):
        keys.read(tmp_path)
    assert key.per_second is None  # of keys made by programs
