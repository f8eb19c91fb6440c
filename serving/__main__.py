"""`python -m serving`: the prediction API over HTTP."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from configs.cli import HOME, Home, open_console, user_errors

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
keys_app = typer.Typer(no_args_is_help=True, help="Keys of the API and their scopes.")
app.add_typer(keys_app, name="keys")
PolicyFile = Annotated[
    Path | None,
    typer.Option(
        envvar="REGULARS_POLICY",
        help="A YAML with the defaults of every list, for fields that a request omits: k, "
        "strategy, bought_within_days, returned_within_days, max_per_category, diversity, "
        "explore, pool.",
    ),
]


@app.command()
def run(
    *,
    home: Home = HOME,
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but 127.0.0.1 requires API keys.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 3000,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 1,
    policy: PolicyFile = None,
    in_flight: Annotated[
        int,
        typer.Option(
            min=1,
            envvar="REGULARS_IN_FLIGHT",
            help="Concurrent requests per worker; a key gets half.",
        ),
    ] = 128,
    without_keys: Annotated[
        bool,
        typer.Option(
            "--without-keys",
            envvar="REGULARS_WITHOUT_KEYS",
            help="Answer every caller on this machine while there are no keys.",
        ),
    ] = False,
    log_requests: Annotated[
        bool,
        typer.Option("--log-requests", help="Log all requests, not only refused and slow ones."),
    ] = False,
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        typer.Option(
            envvar="REGULARS_DEVICE",
            help="Device of the models' dense parts; auto takes a GPU if there is one.",
        ),
    ] = "auto",
) -> None:
    """Serve the workspace's champions until interrupted.

    Without keys it serves only this machine, and a shop that is not simulated only with
    `--without-keys`.

    With `explore: 2` in the policy, the last two positions of a list are drawn at random from its
    next best products, and each item has its propensity, for counterfactual evaluation.
    """
    with user_errors():
        from serving.commands.launch import Options, launch

        options = Options(
            workers=workers,
            policy=policy,
            in_flight=in_flight,
            without_keys=without_keys,
            log_requests=log_requests,
            device=device,
        )
        launch(home, host=host, port=port, options=options)


@app.command()
def package(
    output: Annotated[Path, typer.Option(help="The Bento's folder; must not exist.")],
    policy: PolicyFile = None,
    home: Home = HOME,
) -> None:
    """Make a Bento that contains models, products and code: `bentoml serve OUTPUT` runs it.

    `docker build -f OUTPUT/env/docker/Dockerfile OUTPUT` builds its image, with the CPU build of
    torch. `--build-arg UV_TORCH_BACKEND=cu130` selects the GPU build (CUDA 13.0).
    """
    with user_errors():
        from serving.commands.package import package as make

        print(f"{make(home, output, policy=policy)}: run it with `bentoml serve {output}`")


@keys_app.command()
def create(
    name: Annotated[str, typer.Argument(help="Holder of the key, such as `shop website`.")],
    scope: Annotated[
        list[str],
        typer.Option(
            help="What it permits: predict, events, experiments, or admin (all); repeatable."
        ),
    ],
    per_second: Annotated[
        float, typer.Option(help="Rate limit per worker, in requests/s; 0: no limit.")
    ] = 100,
    home: Home = HOME,
) -> None:
    """Create a key and print it once: only its hash is stored.

    As soon as one key exists, every request needs a key, to running services too.
    """
    with user_errors():
        from serving.access import keys

        now, limit = datetime.now(UTC), per_second or None
        key, text = keys.create(home, name, scopes=scope, per_second=limit, now=now)
        facts = f"{', '.join(key.scopes)}; {key.rate}"
        print(f"key {key.id} of {key.name!r} ({facts}), shown this once:")
        print(text)


@keys_app.command("list")
def list_keys(home: Home = HOME) -> None:
    """Show the keys, the revoked ones too; no command shows a key itself."""
    with user_errors():
        from serving.access import keys

        stored = keys.read(home)
        if not stored:
            print(f"no keys in {home}: a service there answers only this machine")
        for key in stored:
            end = "" if key.revoked is None else f", revoked {key.revoked:%Y-%m-%d %H:%M} UTC"
            scopes = " ".join(key.scopes)
            print(
                f"{key.id}  {key.created:%Y-%m-%d %H:%M} UTC  {scopes}  {key.name}, {key.rate}{end}"
            )


@keys_app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The id, or its beginning.")],
    home: Home = HOME,
) -> None:
    """Revoke a key permanently; running services refuse it within a second."""
    with user_errors():
        from serving.access import keys

        key = keys.revoke(home, key_id, now=datetime.now(UTC))
        print(f"revoked {key.id} of {key.name!r}")


@app.command()
def prune(
    home: Home = HOME,
    *,
    exposures_days: Annotated[int, typer.Option(min=1, help="Days that exposures are kept.")] = 400,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
) -> None:
    """Remove exposures and kept answers that are older than they are kept; also while serving.

    The exposures of a running experiment stay. The files stay as large: new rows use the room.
    """
    with user_errors():
        from serving.commands.prune import prune as remove

        done = "would be removed" if dry_run else "removed"
        for part in remove(home, exposures_days=exposures_days, dry_run=dry_run):
            print(f"{part.path}: {part.rows:,} rows, {part.octets / 2**20:.1f} MiB {done}")


@app.command()
def bench(
    home: Home = HOME,
    *,
    seconds: Annotated[int, typer.Option(min=5, help="Of load per figure, in 5 turns.")] = 10,
    workers: Annotated[int, typer.Option(min=1, help="Of the last run; 1: no such run.")] = 2,
    products: Annotated[
        int | None,
        typer.Option(min=1, help="Compare instead with the catalogue filled up to this size."),
    ] = None,
    portrait: Annotated[
        bool, typer.Option("--portrait", help="Compare instead a portrait with a churn prediction.")
    ] = False,
) -> None:
    """Measure the service on a workspace against a bare FastAPI endpoint; needs wrk.

    Prints requests/s, p50, p95, p99, CPU per request and memory at 1, 8 and 32 connections, the
    ratios, and the CPU time of each stage of a request. It writes exposures into the workspace.
    --products and --portrait make other comparisons, on one worker.
    """
    with user_errors():
        from serving.bench import report

        console = open_console()
        if portrait and products is not None:
            raise typer.BadParameter("give --portrait or --products, not both")
        if portrait:
            report.portraits(home, seconds=seconds, console=console)
        elif products is None:
            report.bench(home, seconds=seconds, workers=workers, console=console)
        else:
            report.compare(home, products=products, seconds=seconds, console=console)


@app.command()
def ask(
    path: Annotated[str, typer.Argument(help="Such as /v1/recommendations or /readyz.")],
    body: Annotated[str | None, typer.Argument(help="JSON to send; without it, a GET.")] = None,
    *,
    method: Annotated[str, typer.Option(help="Method for the body: POST or PUT.")] = "POST",
    url: Annotated[str, typer.Option(help="URL of the service.")] = "http://127.0.0.1:3000",
    key: Annotated[
        str | None, typer.Option(envvar="REGULARS_KEY", help="The API key, if one is needed.")
    ] = None,
    patience: Annotated[float, typer.Option(help="Seconds to wait for readiness.")] = 60,
) -> None:
    """Send a request to the running service and print the response; waits while it starts."""
    with user_errors():
        from rich import print_json

        from serving.commands.ask import ask as get

        answer = get(url, path, body, method=method, key=key, patience_s=patience)
        try:
            print_json(answer)
        except ValueError:  # not JSON: metrics are plain text
            print(answer)


if __name__ == "__main__":
    app()
