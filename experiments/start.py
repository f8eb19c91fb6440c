"""Start an experiment: pin its variants to model versions and export their bundles."""

from pathlib import Path
from typing import Final

from experiments.definition import Experiment, ExperimentError
from experiments.lifecycle import Change, State, running_as_defined, save
from features.workspace import Workspace
from training.bundle import CURRENT, VersionName, read_champions

CHAMPION: Final = "champion"


def _pinned(ws: Workspace, experiment: Experiment) -> Experiment:
    """Return `experiment` with every model replaced by a version, whose bundle is exported."""
    variants = {}
    for name, variant in experiment.variants.items():
        model = resolve(ws, variant.model)
        if not bundle_folder(ws, model).exists():
            from training.registry import versions

            versions.export(ws, *VersionName.parse(model))
        variants[name] = variant.model_copy(update={"model": model})
    return experiment.model_copy(update={"variants": variants})


def resolve(ws: Workspace, model: str) -> str:
    """Return the version that `model` means now, as `recommender@3`.

    Raises ExperimentError for a model that is no recommender or without a champion, RegistryError
    without a version of a named model.
    """
    if "@" in model:
        return model
    from training.models import spec
    from training.registry import versions

    if model != CHAMPION:
        if model != "recommender" and spec(model).registered != "recommender":
            raise ExperimentError(f"model {model!r} is no recommender: no lists to compare")
        return str(VersionName("recommender", versions.find(ws, model).version))
    current = read_champions(ws.bundles / CURRENT)
    if "recommender" not in current:
        raise ExperimentError(
            "there is no champion: run `python -m training promote recommender` first"
        )
    return str(current["recommender"])


def bundle_folder(ws: Workspace, model: str) -> Path:
    """Return the folder of the bundle of `model` (`recommender@3`)."""
    return ws.bundles / VersionName.parse(model).folder


def start(ws: Workspace, experiment: Experiment) -> State:
    """Begin to assign customers; the same definition again changes nothing.

    Exports the bundles of its versions. Raises WrongState as `running_as_defined` does, and
    ExperimentError or RegistryError where a model cannot be resolved to a version.
    """
    with ws.lock("experiments"):
        if same := running_as_defined(ws, experiment):
            return same
        pinned = _pinned(ws, experiment)
        change = Change(
            at=ws.now().to_pydatetime(), verb="start", exposed_share=experiment.exposed_share
        )
        state = State(experiment=pinned, defined=experiment, status="running", changes=(change,))
        return save(ws, state)
