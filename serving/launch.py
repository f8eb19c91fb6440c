"""Start the service: this process becomes `bentoml serve`."""

import errno
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NoReturn

from configs.errors import UserError
from configs.loader import load_config
from features.workspace import Workspace
from training.slates import Policy

LOCAL: Final = "127.0.0.1"
SERVICE: Final = "serving.service:Regulars"


class LaunchError(UserError, RuntimeError):
    """The service cannot be started as asked; the message says why."""


def launch(
    home: Path, *, host: str, port: int, workers: int, policy: Path | None = None
) -> NoReturn:
    """Serve the workspace at `home`, lists by the YAML `policy`; never returns.

    Raises LaunchError, WorkspaceError, or ConfigError where the policy is none.
    """
    workspace = Workspace.open(home)
    load_config(Policy, policy)
    check(host, port)
    print(
        f"serving {workspace.home} on http://{host}:{port} without keys, for this machine only; "
        f"open http://{host}:{port}/docs",
        flush=True,
    )
    command = ["-m", "bentoml", "serve", SERVICE, "--host", host, "--port", str(port)]
    command += ["--working-dir", str(Path(__file__).resolve().parent.parent)]
    os.execve(
        sys.executable,
        [sys.executable, *command],
        environment(workspace.home, workers=workers, policy=policy, outside=os.environ),
    )


def check(host: str, port: int) -> None:
    """Raise LaunchError where `host` is open to others, or `port` is taken."""
    if host != LOCAL:
        raise LaunchError(
            f"--host {host}: without keys the service listens on {LOCAL} only; "
            "put a proxy that authenticates in front of it"
        )
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = "is in use" if error.errno == errno.EADDRINUSE else f"{error.strerror}"
            raise LaunchError(f"--port {port}: {reason}; name another") from error


def environment(
    home: Path, *, workers: int, policy: Path | None = None, outside: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of the service: quiet, and with everything it makes in `home`."""
    return {
        **outside,
        **({} if policy is None else {"REGULARS_POLICY": str(policy.resolve())}),
        "REGULARS_HOME": str(home),
        "REGULARS_WORKERS": str(workers),
        "BENTOML_HOME": str(home / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
        "OTEL_SDK_DISABLED": "true",
    }
