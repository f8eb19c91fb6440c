"""Build the Bento of the code and data in the current folder: `python -m serving.commands.image`.

Its image has Python, uv and what requirements.lock names. BentoML's own image would also have a C
compiler, git, and the newest uv.
"""

import re
from pathlib import Path
from typing import Final

import bentoml
import yaml
from bentoml.images import Image

from serving.backend import PACKAGED
from serving.commands.launch import SERVICE
from serving.commands.package import CODE, DEVELOPMENT_LOCK, LOCK, TORCH_LOCK

WITHOUT: Final = "serving/deploy/without.txt"
ENVIRONMENT: Final = {
    "UV_TORCH_BACKEND": "cpu",
    "UV_EXCLUDE": WITHOUT,  # from the folder `src`, where BentoML calls uv
    "UV_NO_BUILD": "1",  # a source distribution runs code and needs packages of no lock
    "REGULARS_DEVICE": "auto",
    "BENTOML_HOST": "0.0.0.0",  # in the container, requests without a key are refused
    "BENTOML_DO_NOT_TRACK": "True",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""Defaults of the image's build arguments and environment."""
_UV: Final = "/tmp/uv.txt"


def image(folder: Path) -> Image:
    """Return the image of the Bento in `folder`, which has the locks.

    torch has no hash there: `UV_TORCH_BACKEND` chooses its build and the index.
    """
    torch = locked("torch", folder / TORCH_LOCK).split()[0]
    uv = locked("uv", folder / DEVELOPMENT_LOCK).replace("\\\n", "")
    return (
        Image(
            base_image="python:3.11-slim",
            distro="none",  # for a distribution that it knows, BentoML adds the compiler and git
            python_version="3.11",
            lock_python_packages=False,
            pack_git_packages=False,
        )
        .run(f"echo '{' '.join(uv.split())}' > {_UV}")
        .run(f"pip install --no-cache-dir --no-deps --require-hashes -r {_UV}")
        .build_include(WITHOUT)
        .python_packages((folder / LOCK).read_text(encoding="utf-8"), torch)
    )


def locked(name: str, lock: Path) -> str:
    """Return the requirement of the package `name`, with its hashes, from the file `lock`.

    Raises ValueError if it is not there.
    """
    found = re.search(
        rf"^{re.escape(name)}==(?:.*\\\n)*.*$", lock.read_text(encoding="utf-8"), re.MULTILINE
    )
    if found is None:
        raise ValueError(f"{lock} has no line {name}==...: renew it by `make lock`")
    return found[0]


def build(folder: Path) -> None:
    """Build the Bento of `folder` in the store that `BENTOML_HOME` names."""
    service = bentoml.load(SERVICE, working_dir=str(folder))
    service.image = image(folder)
    options = {
        "service": SERVICE,
        "include": [*(f"{name}/" for name in (*CODE, PACKAGED.name)), LOCK],
        "envs": [{"name": name, "value": value} for name, value in ENVIRONMENT.items()],
    }
    file = folder / "bentofile.yaml"
    file.write_text(yaml.safe_dump(options), encoding="utf-8")
    bentoml.bentos.build_bentofile(str(file), build_ctx=str(folder))


if __name__ == "__main__":
    build(Path.cwd())
