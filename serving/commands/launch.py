"""Start the service: `bentoml serve` replaces this process."""

import errno
import os
import socket
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NoReturn

from configs.code import ROOT
from configs.errors import UserError
from configs.loader import load_config
from configs.privacy import make_private
from features.workspace import Workspace
from serving.access import keys
from serving.access.limits import IN_FLIGHT
from training.lists.slates import Policy
from training.run import Device, usable

LOCAL: Final = "127.0.0.1"
SERVICE: Final = "serving.service:Regulars"
SHARED_MEMORY: Final = Path("/dev/shm")


class LaunchError(UserError, RuntimeError):
    """The service cannot be started with these options; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of serving a workspace."""

    workers: int = 1
    policy: Path | None = None
    """A YAML with the policy of lists."""
    in_flight: int = IN_FLIGHT
    """Concurrent requests per worker."""
    without_keys: bool = False
    """Whether callers on this machine are answered while there are no keys."""
    log_requests: bool = False
    """Whether every request is logged."""
    device: Device = "auto"
    """Device of the models' dense parts; `auto` takes a GPU if there is one."""


def launch(home: Path, *, host: str, port: int, options: Options) -> NoReturn:
    """Serve the workspace at `home`; never returns.

    Raises LaunchError, WorkspaceError, KeysError, or ConfigError if the policy is invalid or the
    device is missing.
    """
    workspace = Workspace.open(home)
    make_private(workspace.home)
    workspace.now()  # a clock that cannot be read stops the start, and not each answer
    load_config(Policy, options.policy)
    if options.device == "cuda":
        usable(options.device)
    needs_key = bool(keys.read(workspace.home))
    lost = keys.are_lost(workspace.home)
    if workspace.clock == "simulated" and not lost:  # no persons are in it
        options = replace(options, without_keys=True)
    check(host, port, needs_key=needs_key)
    if not needs_key and not options.without_keys:
        found = f"{workspace.home} has no keys: "
        if lost:
            found = f"{keys.place(workspace.home)} is missing: restore it from a backup, or "
        raise LaunchError(
            f"{found}create one by `python -m serving keys create NAME --scope SCOPE`, or answer "
            "every caller on this machine by --without-keys"
        )
    callers = "to holders of a key" if needs_key else "without keys, for this machine only"
    print(
        f"serving {workspace.home} on http://{host}:{port} {callers}; "
        f"open http://{LOCAL if host == '0.0.0.0' else host}:{port}/docs",
        flush=True,
    )
    command = ["-m", "bentoml", "serve", SERVICE, "--host", host, "--port", str(port)]
    command += ["--working-dir", str(ROOT)]
    os.execve(
        sys.executable,
        [sys.executable, *command],
        environment(workspace.home, options, port=port, outside=os.environ),
    )


def check(host: str, port: int, *, needs_key: bool) -> None:
    """Raise LaunchError if `port` is in use, or if `host` is not local and requests need no key."""
    if host != LOCAL and not needs_key:
        raise LaunchError(
            f"--host {host}: without keys the service listens on {LOCAL} only; "
            "create one by `python -m serving keys create NAME`"
        )
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except socket.gaierror as error:
            raise LaunchError(f"--host {host}: {error.strerror}") from error
        except OSError as error:
            reason = "is in use" if error.errno == errno.EADDRINUSE else f"{error.strerror}"
            raise LaunchError(f"--port {port}: {reason}; choose another") from error


def environment(
    home: Path, options: Options, *, port: int, outside: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of the service on `port`: no telemetry, and its own BentoML folder."""
    policy = options.policy
    return {
        **outside,
        **({} if policy is None else {"REGULARS_POLICY": str(policy.resolve())}),
        "REGULARS_HOME": str(home),
        "REGULARS_WORKERS": str(options.workers),
        "REGULARS_IN_FLIGHT": str(options.in_flight),
        "REGULARS_WITHOUT_KEYS": "1" if options.without_keys else "0",
        "REGULARS_LOG_REQUESTS": "1" if options.log_requests else "0",
        "REGULARS_DEVICE": options.device,
        "BENTOML_HOME": str(_temporary_folder(home) / str(port)),
        "BENTOML_DO_NOT_TRACK": "True",
        "OTEL_SDK_DISABLED": "true",
    }


def _temporary_folder(home: Path) -> Path:
    """Return the folder for temporary files of services: in shared memory, or else in `home`.

    The numbers of /metrics lie in mapped files: on a full disk, a write to a new page of one kills
    the process.
    """
    folder = SHARED_MEMORY / f"regulars-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError:
        return home / "bentoml"
    private = status.st_uid == os.getuid() and stat.S_IMODE(status.st_mode) == 0o700
    return folder if private and stat.S_ISDIR(status.st_mode) else home / "bentoml"
