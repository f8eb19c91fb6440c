"""What stands in the way of starting is said before the service starts."""

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from configs.loader import ConfigError
from features.workspace import Workspace
from serving.__main__ import app
from serving.access import keys
from serving.backend import Settings
from serving.commands import launch
from serving.commands.launch import LaunchError, Options, check, environment
from tests.serving.server import free_port

RUNNER = CliRunner()


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("explor: 2", "policy.yaml: explor = 2: Extra inputs are not permitted (known keys: k,"),
        ("diversity: 2", "diversity = 2: Input should be less than or equal to 1"),
        ("bought_within_days: week", "bought_within_days = 'week': Input should be a valid number"),
        ("explore: 11", "explore = 11: at most k = 10"),
        ("[explore]", "a config is a mapping"),
        (None, "policy.yaml: no such config file"),
    ],
)
def test_a_wrong_policy_starts_nothing(tmp_path: Path, policy: str | None, message: str) -> None:
    Workspace.create(tmp_path / "shop")
    file = tmp_path / "policy.yaml"
    if policy is not None:
        file.write_text(policy)
    asked = ["run", "--home", str(tmp_path / "shop"), "--policy", str(file)]
    for arguments, variables in ((asked, {}), (asked[:3], {"REGULARS_POLICY": str(file)})):
        done = RUNNER.invoke(app, arguments, env=variables)
        assert done.exit_code == 2
        assert message in done.stderr
        assert done.stderr.strip().count("\n") == 0


def test_others_are_listened_to_once_there_are_keys() -> None:
    port = free_port()
    with pytest.raises(LaunchError, match=r"--host 0\.0\.0\.0: without keys"):
        check("0.0.0.0", port, needs_key=False)
    with pytest.raises(LaunchError, match="--host no host: "):
        check("no host", port, needs_key=True)
    check("0.0.0.0", port, needs_key=True)
    check("127.0.0.1", port, needs_key=False)


def test_a_service_does_not_start_on_spoilt_keys(tmp_path: Path) -> None:
    home = Workspace.create(tmp_path / "shop").home
    keys.place(home).write_text("{}")
    done = RUNNER.invoke(app, ["run", "--home", str(home)])
    assert done.exit_code == 2
    assert "keys.json: cannot be read" in done.stderr


def test_the_service_is_told_where_its_policy_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outside = {"PATH": "/bin"}
    told = environment(tmp_path, Options(policy=Path("policy.yaml")), port=3000, outside=outside)
    assert told["REGULARS_POLICY"] == str(tmp_path / "policy.yaml")
    assert "REGULARS_POLICY" not in environment(tmp_path, Options(), port=3000, outside=outside)


def test_services_keep_their_own_files_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(port: int) -> Path:
        return Path(environment(tmp_path, Options(), port=port, outside={})["BENTOML_HOME"])

    monkeypatch.setattr(launch, "SHARED_MEMORY", tmp_path)
    assert told(3000) == told(3000) != told(3001)
    folder = told(3000).parent
    assert (folder.parent, folder.stat().st_mode & 0o777) == (tmp_path, 0o700)
    folder.chmod(0o777)  # whose it is, others could say
    assert told(3000) == tmp_path / "bentoml" / "3000"
    monkeypatch.setattr(launch, "SHARED_MEMORY", tmp_path / "none")
    assert told(3000) == tmp_path / "bentoml" / "3000"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_starts_nothing(tmp_path: Path) -> None:
    home = Workspace.create(tmp_path / "shop").home
    message = "device = 'cuda': this machine has no usable GPU; take cpu or auto"
    asked = ["run", "--home", str(home)]
    for more, variables in ((["--device", "cuda"], {}), ([], {"REGULARS_DEVICE": "cuda"})):
        done = RUNNER.invoke(app, [*asked, *more], env=variables)
        assert (done.exit_code, message in done.stderr) == (2, True)
    with pytest.raises(ConfigError, match=message):
        Settings.of({"REGULARS_HOME": str(home), "REGULARS_DEVICE": "cuda"})


def test_the_service_is_told_its_device(tmp_path: Path) -> None:
    home = Workspace.create(tmp_path / "shop").home
    for device in ("auto", "cpu"):
        told = environment(home, Options(device=device), port=3000, outside={})
        assert told["REGULARS_DEVICE"] == device
        expected = "cuda" if device == "auto" and torch.cuda.is_available() else "cpu"
        assert Settings.of(told).device == expected
    with pytest.raises(ConfigError, match="REGULARS_DEVICE = 'tpu': one of auto, cpu, cuda"):
        Settings.of(told | {"REGULARS_DEVICE": "tpu"})


def test_a_shop_without_keys_is_served_when_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REGULARS_WITHOUT_KEYS", raising=False)
    started: list[dict[str, str]] = []

    def start(_: str, __: list[str], environment: dict[str, str]) -> None:
        started.append(environment)

    monkeypatch.setattr("os.execve", start)  # it would replace this process
    real = Workspace.create(tmp_path / "real").home
    fixed = Workspace.create(tmp_path / "fixed", clock="fixed:2024-03-01T00:00:00Z").home
    made = Workspace.create(tmp_path / "simulated", clock="simulated")
    simulated = made.home
    assert "clock.json is missing" in RUNNER.invoke(app, ["run", "--home", str(simulated)]).stderr
    made.advance(pd.Timestamp("2024-03-01T00:00Z"))

    def run(home: Path, *options: str, **variables: str) -> str:
        asked = ["run", "--home", str(home), "--port", str(free_port()), *options]
        done = RUNNER.invoke(app, asked, env=variables)
        assert (done.exit_code == 2) == bool(done.stderr)
        return done.stderr

    for home in (real, fixed):
        said = run(home)
        assert f"{home} has no keys: create one by `python -m serving keys create NAME" in said
        assert "--without-keys" in said
        assert run(home, REGULARS_WITHOUT_KEYS="0") == said
        assert "--host 0.0.0.0: without keys" in run(home, "--without-keys", "--host", "0.0.0.0")
    assert not started
    run(real, "--without-keys")
    run(fixed, REGULARS_WITHOUT_KEYS="1")
    run(simulated)
    assert [e["REGULARS_WITHOUT_KEYS"] for e in started] == ["1", "1", "1"]
    for home in (real, fixed):
        keys.create(home, "x", scopes=["admin"], now=datetime(2026, 1, 1, tzinfo=UTC))
        run(home)
    assert [e["REGULARS_WITHOUT_KEYS"] for e in started[3:]] == ["0", "0"]
    keys.create(simulated, "x", scopes=["admin"], now=datetime(2026, 1, 1, tzinfo=UTC))
    for home in (real, simulated):  # lost keys open no shop, not even a simulated one
        keys.place(home).unlink()
        said = run(home)
        assert f"{home / 'keys.json'} is missing: restore it from a backup, or create one" in said
    assert len(started) == 5
    run(simulated, "--without-keys")
    assert len(started) == 6


@pytest.mark.parametrize("text", ["yes", "2", "True"])
def test_a_word_for_without_keys_is_not_guessed(tmp_path: Path, text: str) -> None:
    home = Workspace.create(tmp_path / "shop").home
    with pytest.raises(ConfigError, match=f"REGULARS_WITHOUT_KEYS = '{text}': 1 or 0"):
        Settings.of({"REGULARS_HOME": str(home), "REGULARS_WITHOUT_KEYS": text})
    assert not Settings.of({"REGULARS_HOME": str(home)}).without_keys
