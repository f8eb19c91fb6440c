"""What a damaged workspace does to a start and to commands, each in a process of its own.

The processes are forked from one that has imported everything: a case takes about a second.
"""

import contextlib
import hashlib
import json
import multiprocessing
import os
import sqlite3
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn

import pandas as pd

PRELOADED: Final = [
    "feast", "features.__main__", "features.materialize", "features.absorb", "mlflow",
    "training.__main__", "training.registry.versions", "training.commands.display",
    "experiments.__main__", "experiments.readout", "serving.service", "serving.commands.launch",
    "tests.attack.probes", "tests.serving.shop",
]  # fmt: skip
LIMIT_S: Final = 120.0
"""After which a process is taken to hang."""
COMMANDS: Final = {
    "materialize": ("features", "materialize"),
    "analyze": ("experiments", "analyze", "towers-popularity", "--json"),
    "promote": (
        "training",
        "promote",
        "recommender",
        "--version",
        "2",
        "--because",
        "damaged files",
    ),
}
Result = dict[str, Any]


def in_child(work: Callable[..., Result], *arguments: Any, limit_s: float = LIMIT_S) -> Result:
    """Return what `work(*arguments)` returns in a forked process; {"hang": ...} after `limit_s`."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(PRELOADED)
    receiving, sending = forks.Pipe(duplex=False)
    process = forks.Process(target=_child, args=(sending, work, arguments))
    process.start()
    sending.close()
    try:
        if not receiving.poll(limit_s):
            return {"hang": f"no end within {limit_s:g} s"}
        return dict(receiving.recv())
    except EOFError:
        process.join(10)
        return {"crash": f"exit code {process.exitcode}"}
    finally:
        process.kill()
        process.join()


def _child(sending: Any, work: Callable[..., Result], arguments: tuple[Any, ...]) -> None:
    try:
        result = work(*arguments)
    except BaseException:  # a child has nobody else to tell
        result = {"crash": traceback.format_exc()}
    sending.send(result)
    sending.close()


class _Launched(Exception):
    """Instead of replacing this process by BentoML's."""


def started(home: Path, key: str, healthy: Path) -> Result:
    """Start the service of `home` and return what the probes see, or the line of its refusal.

    The probes are those of the workspace `healthy`, of which `home` is a damaged copy.
    """
    from configs.errors import UserError
    from features.workspace import Workspace
    from serving.backend import Settings
    from serving.commands.launch import Options, launch
    from serving.models import vitals, watcher
    from tests.attack.probes import Prober, probes
    from tests.serving.server import free_port
    from tests.serving.shop import serving_at

    watcher.POLL_S = vitals.PAUSE_S = 0.1  # type: ignore[misc]
    environment: dict[str, str] = {}
    _redirect(home)

    def stay(_: str, __: list[str], given: dict[str, str]) -> NoReturn:
        environment.update(given)
        raise _Launched

    os.execve = stay  # type: ignore[assignment]
    try:
        with contextlib.suppress(_Launched):
            launch(home, host="127.0.0.1", port=free_port(), options=Options())
        settings = Settings.of(environment)
    except (UserError, OSError) as error:
        return {"refused": str(error)}
    asked, begun = probes(Workspace.open(healthy)), time.time()
    with serving_at(settings) as client:
        prober = Prober(http=client, key=key, asked=asked, begun=begun)
        seen = prober.see()
        for _ in range(20):  # vitals are measured, and a part that failed is tried again
            again = prober.see()
            if again == seen:
                break
            seen = again
    return {"seen": seen}


def commanded(home: Path, name: str) -> Result:
    """Run the command `name` and return exit code, output and what it made."""
    package, *words = COMMANDS[name]
    out, err = _redirect(home)
    module = __import__(f"{package}.__main__", fromlist=["app"])
    code: Any = 0
    try:
        module.app([*words, "--home", str(home)], prog_name=f"python -m {package}")
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    errors = err.read_text(errors="replace")
    made: Any = None
    if code == 0:
        try:
            made = made_by(home, name, out.read_text(errors="replace"))
        except Exception as error:  # the command says that it is done
            made = f"cannot be read: {error}"
    return {"code": code, "stderr": errors, "made": made}


def _redirect(home: Path) -> tuple[Path, Path]:
    """Let this process write to two files beside `home`; return them."""
    out, err = home.parent / "stdout", home.parent / "stderr"
    for file, descriptor in ((out, 1), (err, 2)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    return out, err


def made_by(home: Path, name: str, output: str) -> Any:
    """Return what the command `name` made, such that equal results are equal."""
    if name == "analyze":
        return json.loads(output.strip().splitlines()[-1])
    if name == "promote":
        files = sorted((home / "bundles" / "recommender" / "2").rglob("*"))
        digests = [hashlib.sha256(f.read_bytes()).hexdigest() for f in files if f.is_file()]
        return json.loads((home / "bundles" / "current.json").read_text()), digests
    products = json.loads((home / "online" / "current.json").read_text())["products"]
    frame = pd.read_parquet(home / "online" / products)
    rows = sqlite3.connect(home / "feast" / "online.db")
    with contextlib.closing(rows):
        names = [n for (n,) in rows.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        stored = {
            n: sorted(rows.execute(f'SELECT entity_key, feature_name, value FROM "{n}"').fetchall())
            for n in names if n.endswith("customer_online")
        }  # fmt: skip
    return frame.to_json(), hashlib.sha256(repr(stored).encode()).hexdigest()
