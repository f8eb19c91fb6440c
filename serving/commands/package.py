"""Make a Bento: code, model versions and product snapshot in one folder that runs anywhere.

One Bento for CPU and GPU: its image takes the CPU's build of torch unless whoever builds it names
another by the build argument `UV_TORCH_BACKEND`, and computes where `REGULARS_DEVICE` says.

Customer rows, events and exposures stay outside: `REGULARS_STORES` names them where the Bento
runs (`serving.backend`), and what is said of products from then on; without it the Bento answers
with fallbacks and knows of products what was said until it was made. It carries the champions and
the versions that experiments compare now: one that starts later needs a new Bento.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

import yaml

from configs.code import ROOT
from configs.loader import load_config
from experiments.lifecycle import running
from features.logs.product_changes import ProductChanges
from features.workspace import Workspace, write_json
from serving.backend import PACKAGED, POLICY
from serving.commands.launch import SERVICE, LaunchError
from training.bundle import CURRENT, VersionName, load_bundle, read_champions, write_champions
from training.lists.slates import Policy

CODE: Final = ("configs", "features", "training", "experiments", "serving")
LOCK: Final = "requirements.lock"
IMAGE: Final = {
    "UV_TORCH_BACKEND": "cpu",
    "REGULARS_DEVICE": "auto",
    "BENTOML_HOST": "0.0.0.0",  # of the container; whoever has no key is refused there
    "BENTOML_DO_NOT_TRACK": "True",
}
"""Build arguments of the image, and its environment: what they are where nobody says else."""


def package(home: Path, output: Path, *, policy: Path | None = None) -> Path:
    """Write the Bento of the workspace at `home` to the new folder `output` and return it.

    `policy` is a YAML of what lists are to be. Raises WorkspaceError without a workspace,
    ConfigError where the policy is none; LaunchError when `output` stands already, when nothing was
    promoted or materialized, when a version cannot be loaded, or when BentoML refuses.
    """
    load_config(Policy, policy)
    workspace = Workspace.open(home)
    output = output.resolve()
    if output.exists():
        raise LaunchError(f"--output {output}: stands already; name a new folder")
    if not (ROOT / LOCK).exists():
        raise LaunchError(f"{ROOT / LOCK} is missing: package from a checkout of the repository")
    output.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="regulars-") as made,
        tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-") as aside,
    ):
        context = Path(made) / "context"
        _copy_code(context)
        copy_workspace(workspace, context / PACKAGED.name)
        if policy is not None:
            shutil.copy2(policy, context / PACKAGED.name / POLICY)
        bento = _build(context, store=Path(made) / "bentoml")
        shutil.copytree(bento, Path(aside) / "bento").rename(output)
    return output


def _copy_code(context: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
    for folder in CODE:
        shutil.copytree(ROOT / folder, context / folder, ignore=ignore)
    shutil.copy2(ROOT / LOCK, context / LOCK)


def copy_workspace(workspace: Workspace, packaged: Path) -> None:
    """Copy to the new folder `packaged` what a Bento carries: settings, clock, models, products
    and what was said of them.

    Raises LaunchError when nothing was promoted or materialized, or a version cannot be loaded.
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
    online = json.loads(online_current.read_text(encoding="utf-8"))
    compared = {VersionName.parse(v.model) for e in running(workspace) for v in e.variants.values()}
    for folder in {version.folder for version in {*champions.values(), *compared}}:
        _check(workspace.bundles / folder)
        shutil.copytree(workspace.bundles / folder, packaged / "bundles" / folder)
    write_champions(packaged / "bundles" / CURRENT, champions)
    (packaged / "online").mkdir()
    shutil.copy2(workspace.online / online["products"], packaged / "online" / online["products"])
    write_json(packaged / "online" / "current.json", online)
    if workspace.product_changes_db.exists():
        with closing(ProductChanges(workspace.product_changes_db)) as changes:
            changes.copy(packaged / workspace.product_changes_db.name)


def _check(bundle: Path) -> None:
    try:
        load_bundle(bundle)
    except Exception as error:  # libraries that read files raise what they like
        raise LaunchError(f"{bundle} cannot be loaded, promote another: {error}") from error


def _build(context: Path, *, store: Path) -> Path:
    """Run `bentoml build` on `context` and return the Bento's folder inside `store`."""
    options = {
        "service": SERVICE,
        "include": [*(f"{folder}/" for folder in (*CODE, PACKAGED.name)), LOCK],
        "python": {"requirements_txt": LOCK, "lock_packages": False, "pack_git_packages": False},
        "docker": {"distro": "debian", "python_version": "3.11"},
        "envs": [{"name": name, "value": value} for name, value in IMAGE.items()],
    }
    (context / "bentofile.yaml").write_text(yaml.safe_dump(options), encoding="utf-8")
    outside = {k: v for k, v in os.environ.items() if not k.startswith("REGULARS_")}
    quiet = {"BENTOML_HOME": str(store), "BENTOML_DO_NOT_TRACK": "True"}
    result = subprocess.run(
        [sys.executable, "-m", "bentoml", "build", "--output", "tag"],
        cwd=context,
        env=outside | quiet,
        capture_output=True,
        text=True,
        check=False,
    )
    found = sorted(path.parent for path in store.glob("bentos/*/*/bento.yaml"))
    if result.returncode or not found:
        raise LaunchError(f"bentoml build failed: {result.stderr[-2000:]}")
    return found[0]
