"""`python -m experiments`: A/B tests of model versions, from start to decision.

In order: `start champion-popularity.yaml` binds variants to model versions and the service begins
to assign customers; `ramp` lets more customers in; `analyze` checks the sample ratio, then gives
effects whose intervals hold however often you look; `decide` records the decision; `stop` gives
everyone the champion again.
"""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from configs.cli import HOME, Home, open_console, user_errors
from experiments.commands.payback import payback

if TYPE_CHECKING:
    from experiments.definition import Experiment
    from experiments.lifecycle import State
    from features.workspace import Workspace

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
Key = Annotated[str, typer.Argument(help="The experiment's key.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")]
AsOf = Annotated[
    str | None, typer.Option(help="At the midnight of this local day (YYYY-MM-DD); else now.")
]
Definition = Annotated[
    Path, typer.Argument(help="A definition in YAML; see the examples in configs/experiments/.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(help="key=value, such as exposed_share=0.1 or variants.new.model=recommender@2"),
]


def _open(home: Path) -> "Workspace":
    from features.workspace import Workspace

    return Workspace.open(home)


def _load(definition: Path, overrides: list[str] | None) -> "Experiment":
    from configs.loader import load_config
    from experiments.definition import Experiment

    return load_config(Experiment, definition, overrides or ())


def _print_state(state: "State") -> None:
    experiment = state.experiment
    arms = ", ".join(
        f"{name}{' (control)' if name == experiment.control else ''} = {variant.model}"
        f" x {variant.weight:g}"
        for name, variant in experiment.variants.items()
    )
    print(f"{experiment.key}: {state.status}, {experiment.exposed_share:.0%} of customers; {arms}")
    for change in state.changes:
        reason = f": {change.reason}" if change.reason else ""
        print(f"  {change.at:%Y-%m-%d %H:%M}Z {change.verb} at {change.exposed_share:.0%}{reason}")


@app.command()
def start(
    definition: Definition, overrides: Overrides = None, as_json: Json = False, home: Home = HOME
) -> None:
    """Begin to assign customers to the variants of a definition.

    The champion and named models are pinned to their current versions and exported for serving.
    The same definition again changes nothing; a key is never used twice.
    """
    with user_errors():
        from experiments.start import start

        state = start(_open(home), _load(definition, overrides))
        print(state.model_dump_json()) if as_json else _print_state(state)


@app.command()
def ramp(
    key: Key,
    exposed_share: Annotated[float, typer.Option(help="Share of all customers, 0 to 1.")],
    home: Home = HOME,
) -> None:
    """Let a larger share of customers take part; nobody moves between variants."""
    with user_errors():
        from experiments.lifecycle import ramp

        _print_state(ramp(_open(home), key, exposed_share=exposed_share))


@app.command()
def stop(
    key: Key,
    reason: Annotated[str, typer.Option(help="Stored with the change.")] = "",
    home: Home = HOME,
) -> None:
    """End as planned: everyone gets the champion again; the analysis remains valid."""
    with user_errors():
        from experiments.lifecycle import stop

        _print_state(stop(_open(home), key, reason=reason))


@app.command()
def kill(
    key: Key, reason: Annotated[str, typer.Option(help="What went wrong.")], home: Home = HOME
) -> None:
    """End at once because of harm; the reason is stored."""
    with user_errors():
        from experiments.lifecycle import kill

        _print_state(kill(_open(home), key, reason=reason))


@app.command()
def status(
    key: Annotated[str | None, typer.Argument(help="One experiment; by default all.")] = None,
    home: Home = HOME,
) -> None:
    """Show the running and the ended experiments, with every change."""
    with user_errors():
        from experiments import lifecycle

        ws = _open(home)
        states = lifecycle.states(ws) if key is None else [lifecycle.status(ws, key)]
        for state in states:
            _print_state(state)
        if not states:
            print("no experiment was started in this workspace")


@app.command()
def power(
    definition: Definition,
    overrides: Overrides = None,
    *,
    rel_effect_size: Annotated[
        float, typer.Option(min=0.0001, max=100, help="The lift to detect: 0.05 is 5 %.")
    ],
    chance: Annotated[
        float, typer.Option(min=0.5, max=0.9999, help="Probability of detecting it.")
    ] = 0.8,
    as_of: AsOf = None,
    home: Home = HOME,
) -> None:
    """Show how many customers it takes to detect a lift, computed from this shop's past."""
    with user_errors():
        from experiments.power import plan
        from features.logs.events import all_order_lines

        ws, experiment = _open(home), _load(definition, overrides)
        at = ws.cut(as_of)
        for row in plan(
            experiment,
            all_order_lines(ws),
            as_of=at,
            rel_effect_size=rel_effect_size,
            power=chance,
        ):
            print(
                f"{row.metric}: {row.units:,} customers in both variants detect a lift of "
                f"{rel_effect_size:.1%} on {row.mean:.4g} (std {row.std:.4g}) "
                f"with probability {chance:.0%}"
            )


@app.command()
def analyze(
    key: Key,
    as_of: AsOf = None,
    plot: Annotated[bool, typer.Option(help="Also draw the effects over time.")] = False,
    as_json: Json = False,
    home: Home = HOME,
) -> None:
    """Check the sample ratio, then estimate every effect with intervals.

    The always-valid intervals hold however often you look; the others at one planned look. Only
    customers whose window is over count. The exit code is 1 if the sample ratio is broken.
    """
    with user_errors():
        import json

        from experiments import report
        from experiments.lifecycle import status
        from experiments.readout import analyze_workspace

        ws = _open(home)
        experiment = status(ws, key).experiment
        analysis = analyze_workspace(ws, key, as_of=ws.cut(as_of), picture=plot)
        if as_json:
            print(json.dumps(report.as_json(analysis)))
        else:
            open_console().print(report.show(experiment, analysis))
        if plot and not as_json:
            print(f"picture: {ws.experiments / key / 'effect.png'}")
    if not analysis.sample_ratio.ok:
        raise typer.Exit(1)


@app.command()
def decide(
    key: Key,
    variant: Annotated[str, typer.Option(help="The variant that wins.")],
    reason: Annotated[str, typer.Option(help="Why; stored with the decision.")],
    home: Home = HOME,
) -> None:
    """Record a decision, with the analysis that supports it."""
    with user_errors():
        from experiments.readout import decide
        from training.bundle import VersionName

        decision = decide(_open(home), key, variant=variant, reason=reason)
        version = VersionName.parse(decision["model"]).version
        print(f"{key}: {variant} ({decision['model']}), because {reason}")
        because = shlex.quote(f"{key}: {reason}")
        print(
            f"to promote it: python -m training promote recommender --version {version} "
            f"--because {because}"
        )


@app.command()
def repair(
    *,
    apply: Annotated[bool, typer.Option("--apply", help="Change it; else only show it.")] = False,
    home: Home = HOME,
) -> None:
    """Find exposures that were stamped while the clock was ahead, and with --apply mend them.

    Run it after `python -m features repair`; the workspace may be served meanwhile. Without
    --apply, exit code 1 says that there is something to repair.
    """
    with user_errors():
        from experiments.repair import repair as run_repair
        from features.repair.display import show

        report = run_repair(_open(home), apply=apply)
    for part in show(report, applied=apply):
        open_console().print(part)
    if report.damaged or (report.findings and not apply):
        raise typer.Exit(1)


@app.command()
def simulate(
    key: Key,
    *,
    url: Annotated[str, typer.Option(help="The running service.")] = "http://127.0.0.1:3000",
    api_key: Annotated[
        str | None, typer.Option(envvar="REGULARS_KEY", help="The service's key, if it needs one.")
    ] = None,
    customers: Annotated[
        int, typer.Option(min=1, help="At most so many; each gets one list.")
    ] = 5_000,
    days: Annotated[int, typer.Option(min=1, help="Days in which they first come.")] = 28,
    seed: Annotated[int, typer.Option(min=0, help="Of visits and purchases.")] = 7,
    home: Home = HOME,
) -> None:
    """Let simulated customers shop with the running service; compare the analysis with the truth.

    A customer gets a list at the first visit, and shops from it until the experiment's window ends.
    For a workspace made by `python -m features simulate`, with KEY running and the service up.
    Its clock moves on to the end of the last customer's window.
    """
    with user_errors():
        from rich.progress import Progress

        from experiments.lifecycle import status
        from experiments.report import against_truth, show
        from experiments.service_client import connect
        from experiments.simulation_http import simulate_over_http

        ws = _open(home)
        with Progress(console=open_console(stderr=True)) as bar, connect(url, api_key) as http:
            task = bar.add_task("customers shop, day by day", total=None)
            loop = simulate_over_http(
                ws,
                key,
                http,
                customers=customers,
                days=days,
                seed=seed,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
        experiment = status(ws, key).experiment
        open_console().print(show(experiment, loop.analysis), against_truth(experiment, loop))


app.command()(payback)


if __name__ == "__main__":
    app()
