"""`training tune`: the settings of a model, searched."""

import shlex
from typing import TYPE_CHECKING, Annotated

import typer

from configs.cli import HOME, Home
from training.commands.options import AsOf, ConfigFile, DeviceName, Model, Overrides, Seed
from training.commands.work import work_of

if TYPE_CHECKING:
    from training.tune import TuneResult


def tune(
    model: Model,
    overrides: Overrides = None,
    *,
    trials: Annotated[int, typer.Option(min=1, help="Finished trials: complete or pruned.")],
    windows: Annotated[
        int, typer.Option(min=1, help="Windows that each trial is measured on.")
    ] = 1,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Minutes after which no trial begins.")
    ] = None,
    as_of: AsOf = None,
    config: ConfigFile = None,
    seed: Seed = 0,
    device: DeviceName = "auto",
    home: Home = HOME,
) -> None:
    """Search the settings of a model by Optuna; write the best as a YAML that `fit` takes.

    The objective is the mean score on the windows before the last one; bad trials are pruned early.
    The last window before the cut is kept from the search: there, the best settings are compared
    with those that the search began with. A killed search goes on with the next trial.
    """
    with work_of(model, overrides, as_of=as_of, config=config, home=home) as work:
        from training.tune import tune as run

        result = run(
            work.ws,
            model,
            trials=trials,
            windows=windows,
            timeout_s=None if timeout is None else 60 * timeout,
            as_of=work.as_of,
            config=work.config,
            seed=seed,
            device=device,
            progress=work.progress,
        )
    from training.commands.display import console

    for line in _lines(model, result):
        console.print(line, soft_wrap=True, highlight=False)


def _lines(model: str, result: "TuneResult") -> list[str]:
    """Return what the search chose, how good it is on the last window, and what to run next."""
    from training.models import spec

    lines = [
        f"{result.study}: {result.complete} complete, {result.pruned} pruned; "
        f"best {result.value:.4f} with {result.best or 'the default settings'}, on windows from "
        f"{', '.join(result.windows)}"
    ]
    if result.searched_last:
        lines.append("The shop is too short to keep its last window from the search.")
    if (lead := result.held_out) is not None:
        verdict = "better" if lead.low > 0 else "worse" if lead.high < 0 else "no difference shown"
        lines.append(
            "On the last window, which the search did not see, its lead over the given settings is "
            f"{lead.value:+.4f} in {spec(model).family.compared_by} (95% interval "
            f"{lead.low:+.4f} to {lead.high:+.4f}): {verdict}."
        )
    return [
        *lines,
        f"Next: python -m training fit {model} --config {shlex.quote(str(result.file))}",
    ]
