"""A model version as plain files: `bundle.json` beside the folder `model/` that the model saved.

Reading one needs neither MLflow nor Lightning, and nothing in it is a pickle. `checksums.json`
names every other file: a damaged bundle is refused before a model is made of it.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Self, cast

import pydantic

from configs.durable import placing
from configs.folder_checksums import check_files, write_checksums
from configs.json_files import DamagedFile, read_json, write_json
from configs.loader import Config
from configs.paths import plain_name
from training.errors import BundleError
from training.families import FAMILIES
from training.interfaces import Model, OnDevice, Predictor
from training.models import model_class

FILE: Final = "bundle.json"
CURRENT: Final = "current.json"
"""File in the folder of all bundles that names the bundle serving each model."""
_PROMOTE: Final = "restore it from a copy, or run `python -m training promote` again"


class Manifest(Config):
    """The content of `bundle.json`: which model this is and what it was made from."""

    name: str
    """The registered model, a key of `training.families.FAMILIES`."""
    model: str
    """A key of `training.models.MODELS`."""
    version: str | None = None
    """The registered version; None in a run's artifacts, written before registration."""
    feature_service: str
    as_of: pydantic.AwareDatetime
    """The data cut: only rows that happened and were recorded before it were read."""
    data_digest: str
    features_code: str = ""
    """The digest of the code that computed the features; empty in a version of earlier code."""
    git_commit: str
    config: dict[str, Any]
    requested_epochs: int | None = None
    """The number of epochs that was asked for, of which `config` has the best; None for a model
    without epochs, and in a version of earlier code."""
    seed: int
    metrics: dict[str, float]
    """On the last window before `as_of`, by a model that was not trained on it."""
    typical: dict[str, float] = pydantic.Field(default_factory=dict)
    """The typical customer at `as_of`, the reference of a prediction's reasons
    (`training.customers.reasons.typical`); empty for a family without reasons, and in versions made
    before there were reasons."""

    @pydantic.field_validator("name")
    @classmethod
    def _name_is_known(cls, name: str) -> str:
        if name not in FAMILIES:
            raise ValueError(f"{name!r} is no family of models: known are {', '.join(FAMILIES)}")
        return name


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A loaded bundle: the model, ready to answer, and its manifest."""

    model: Model
    manifest: Manifest
    folder: Path

    @property
    def name(self) -> str:
        """The registered model."""
        return self.manifest.name

    @property
    def version(self) -> str | None:
        """The registered version."""
        return self.manifest.version

    @property
    def predictor(self) -> Predictor:
        """The model of a family that predicts."""
        return cast(Predictor, self.model)


class VersionName(NamedTuple):
    """A registered version, written as `recommender@3`."""

    name: str
    version: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the parts of `recommender@3`, or of its folder, `recommender/3`.

        Raises ValueError unless both are plain names, which lead nowhere but to a bundle.

        >>> VersionName.parse("recommender@3").folder
        'recommender/3'
        >>> VersionName.parse("recommender/../3")
        Traceback (most recent call last):
        ValueError: '../3' is not a plain name: one without slashes, and neither . nor ..
        """
        name, _, version = text.replace("/", "@", 1).partition("@")
        return cls(plain_name(name), plain_name(version))

    @property
    def folder(self) -> str:
        """The folder of its bundle among the workspace's bundles, as `current.json` names it."""
        return f"{self.name}/{self.version}"

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


def read_champions(file: Path) -> dict[str, VersionName]:
    """Return the version of each model in `file` (CURRENT); empty if the file is missing.

    Raises DamagedFile, also for a name that leads outside of the bundles.
    """
    try:
        named = read_json(file, otherwise=_PROMOTE)
    except FileNotFoundError:
        return {}
    champions = {}
    for name, folder in named.items():
        try:
            champions[name] = VersionName.parse(folder)
        except (AttributeError, ValueError) as error:
            raise DamagedFile(
                f"{file}: {name!r} names {folder!r}, no version such as {name}/3 ({error}); "
                f"{_PROMOTE}"
            ) from error
    return champions


def write_champions(file: Path, champions: Mapping[str, VersionName]) -> None:
    """Replace the content of `file` in one step: {"churn": "churn/3", ...}."""
    write_json(file, {name: champion.folder for name, champion in champions.items()})


def write_bundle(folder: Path, model: Model, manifest: Manifest) -> None:
    """Write `model` and its manifest as `folder` in one step. FileExistsError if it exists."""
    _place(folder, manifest, model.save)


def copy_bundle(source: Path, folder: Path, *, version: str) -> Manifest:
    """Copy the bundle at `source` to `folder` in one step, as `version`."""
    manifest = _checked(source).model_copy(update={"version": version})

    def fill(model: Path) -> None:
        shutil.copytree(source / "model", model, dirs_exist_ok=True)

    _place(folder, manifest, fill)
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest in `folder`. Raises BundleError if it cannot be read."""
    try:
        return Manifest.model_validate(read_json(folder / FILE, otherwise=_PROMOTE))
    except FileNotFoundError:
        raise BundleError(f"{folder}: no bundle here ({FILE} is missing)") from None
    except DamagedFile as error:
        raise BundleError(str(error)) from error
    except pydantic.ValidationError as error:
        raise BundleError(f"{folder / FILE}: {error}") from error


def load_bundle(folder: Path, *, device: Literal["cpu", "cuda"] = "cpu") -> Bundle:
    """Read the bundle at `folder`; with `cuda` torch computes the model's dense parts on the GPU.

    Raises BundleError if it cannot be read, or if its model has other inputs or settings than this
    code.
    """
    manifest = _checked(folder)
    try:
        model = model_class(manifest.model).load(folder / "model")
    except pydantic.ValidationError as error:
        raise BundleError(
            f"{folder}: other settings than this code's; fit it again: {error}"
        ) from error
    if device == "cuda" and isinstance(model, OnDevice):
        model.to(device)
    return Bundle(model=model, manifest=manifest, folder=folder)


def _checked(folder: Path) -> Manifest:
    """Return the manifest of the bundle at `folder`, whose files are as written."""
    manifest = read_manifest(folder)
    try:
        check_files(folder, otherwise=_PROMOTE)
    except DamagedFile as error:
        raise BundleError(str(error)) from error
    return manifest


def _place(folder: Path, manifest: Manifest, fill: Callable[[Path], None]) -> None:
    with placing(folder) as aside:
        (aside / "model").mkdir()
        fill(aside / "model")
        write_json(aside / FILE, manifest.model_dump(mode="json"))
        write_checksums(aside)
