"""Make a Bento: code, model versions and product snapshot in one folder that runs anywhere.

One Bento serves CPU and GPU: its image has the CPU build of torch unless the build argument
`UV_TORCH_BACKEND` names another, and computes on the device `REGULARS_DEVICE`.

Customer rows, events, exposures and later changes of products are not in it: at run time,
`REGULARS_STORES` names them (`serving.backend`). Without it, the Bento answers with fallbacks, and
its products are as they were at the build. It contains the champions and the versions of the
running experiments: an experiment that starts later needs a new Bento.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

from configs.code import ROOT
from configs.json_files import read_json, write_json
from configs.loader import load_config
from configs.paths import plain_name
from configs.privacy import open_to_others
from experiments.lifecycle import running
from features.logs.product_changes import ProductChanges
from features.workspace import Workspace
from serving.backend import PACKAGED, POLICY
from serving.commands.launch import LaunchError
from training.bundle import CURRENT, VersionName, load_bundle, read_champions, write_champions
from training.lists.slates import Policy

CODE: Final = ("configs", "features", "training", "experiments", "serving")
LOCK: Final = "requirements.lock"
DEVELOPMENT_LOCK: Final = "requirements-dev.lock"
TORCH_LOCK: Final = "requirements-torch.lock"
LOCKS: Final = (LOCK, DEVELOPMENT_LOCK, TORCH_LOCK)


def package(home: Path, output: Path, *, policy: Path | None = None) -> Path:
    """Write the Bento of the workspace at `home` to the new folder `output` and return it.

    `policy` is a YAML with the policy of lists. Raises WorkspaceError without a workspace,
    ConfigError if the policy is invalid, and LaunchError if `output` exists already, if nothing was
    promoted or materialized, if a version cannot be loaded, or if BentoML fails.
    """
    load_config(Policy, policy)
    workspace = Workspace.open(home)
    output = output.resolve()
    if output.exists():
        raise LaunchError(f"--output {output}: exists already; choose a new folder")
    for lock in LOCKS:
        if not (ROOT / lock).exists():
            raise LaunchError(
                f"{ROOT / lock} is missing: package from a checkout of the repository"
            )
    output.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="regulars-") as scratch,
        tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-") as temporary,
    ):
        context = Path(scratch) / "context"
        _copy_code(context)
        copy_workspace(workspace, context / PACKAGED.name)
        if policy is not None:
            shutil.copy2(policy, context / PACKAGED.name / POLICY)
        bento = _build(context, store=Path(scratch) / "bentoml")
        made = shutil.copytree(bento, Path(temporary) / "bento")
        open_to_others(made)  # the image's user is another
        made.rename(output)
    return output


def _copy_code(context: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
    for folder in CODE:
        shutil.copytree(ROOT / folder, context / folder, ignore=ignore)
    for lock in LOCKS:
        shutil.copy2(ROOT / lock, context / lock)


def copy_workspace(workspace: Workspace, packaged: Path) -> None:
    """Copy the contents of a Bento to the new folder `packaged`: settings, clock, models, products
    and their changes.

    Raises LaunchError if nothing was promoted or materialized, or a version cannot be loaded.
    """
    packaged.mkdir(parents=True)
    for name in ("workspace.json", "clock.json"):
        if (workspace.home / name).exists():
            shutil.copy2(workspace.home / name, packaged / name)
    current, online_current = workspace.bundles / CURRENT, workspace.online / "current.json"
    for file in (current, online_current):
        if not file.exists():
            raise LaunchError(
                f"{file} is missing: run `python -m features materialize` and "
                "`python -m training promote` first"
            )
    champions = read_champions(current)
    online = read_json(online_current)
    compared = {VersionName.parse(v.model) for e in running(workspace) for v in e.variants.values()}
    for folder in {version.folder for version in {*champions.values(), *compared}}:
        _check_loads(workspace.bundles / folder)
        shutil.copytree(workspace.bundles / folder, packaged / "bundles" / folder)
    write_champions(packaged / "bundles" / CURRENT, champions)
    (packaged / "online").mkdir()
    products = plain_name(online["products"])
    for name in (products, *map(plain_name, online.get("baskets", {}).values())):
        shutil.copy2(workspace.online / name, packaged / "online" / name)
    write_json(packaged / "online" / "current.json", online)
    if workspace.product_changes_db.exists():
        with closing(ProductChanges(workspace.product_changes_db)) as changes:
            changes.copy(packaged / workspace.product_changes_db.name)


def _check_loads(bundle: Path) -> None:
    try:
        load_bundle(bundle)
    except Exception as error:  # libraries that read files raise any type
        raise LaunchError(f"{bundle} cannot be loaded, promote another: {error}") from error


def _build(context: Path, *, store: Path) -> Path:
    """Build the Bento of `context` and return its folder inside `store`."""
    outside = {k: v for k, v in os.environ.items() if not k.startswith("REGULARS_")}
    quiet = {"BENTOML_HOME": str(store), "BENTOML_DO_NOT_TRACK": "True"}
    result = subprocess.run(
        [sys.executable, "-m", "serving.commands.image"],
        cwd=context,
        env=outside | quiet,
        capture_output=True,
        text=True,
        check=False,
    )
    bentos = sorted(path.parent for path in store.glob("bentos/*/*/bento.yaml"))
    if result.returncode or not bentos:
        raise LaunchError(f"BentoML failed to build: {result.stderr[-2000:]}")
    return bentos[0]
