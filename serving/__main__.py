"""`python -m serving`: the prediction API over HTTP."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from configs.cli import HOME, Home, user_errors

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
keys_app = typer.Typer(no_args_is_help=True, help="Keys of the API: who may ask for what.")
app.add_typer(keys_app, name="keys")


@app.command()
def run(
    *,
    home: Home = HOME,
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than 127.0.0.1 need a key.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 3000,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 1,
    policy: Annotated[
        Path | None,
        typer.Option(
            envvar="REGULARS_POLICY",
            help="A YAML of what every list is to be where its request does not say: k, strategy, "
            "bought_within_days, returned_within_days, max_per_category, diversity, explore, pool.",
        ),
    ] = None,
    in_flight: Annotated[
        int,
        typer.Option(min=1, envvar="REGULARS_IN_FLIGHT", help="Answers a worker makes at a time."),
    ] = 64,
    log_requests: Annotated[
        bool,
        typer.Option(
            "--log-requests",
            help="Log every request, not the refused, failed and slow ones alone.",
        ),
    ] = False,
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        typer.Option(
            envvar="REGULARS_DEVICE",
            help="Where the models' dense parts are computed; auto takes a GPU where there is one.",
        ),
    ] = "auto",
) -> None:
    """Serve the workspace's champions until interrupted.

    With `explore: 2` in the policy, the last two positions of a list are drawn from its next best
    products, and each item says how likely it was: what counterfactual evaluation learns from.
    """
    with user_errors():
        from serving.commands.launch import Options, launch

        options = Options(
            workers=workers,
            policy=policy,
            in_flight=in_flight,
            log_requests=log_requests,
            device=device,
        )
        launch(home, host=host, port=port, options=options)


@app.command()
def package(
    output: Annotated[Path, typer.Option(help="The Bento's folder; must not exist.")],
    policy: Annotated[
        Path | None,
        typer.Option(envvar="REGULARS_POLICY", help="A YAML as `run --policy` takes it."),
    ] = None,
    home: Home = HOME,
) -> None:
    """Make a Bento that carries models, products and code: `bentoml serve OUTPUT` runs it.

    Its image is `docker build -f OUTPUT/env/docker/Dockerfile OUTPUT`, with the CPU's build of
    torch. `--build-arg UV_TORCH_BACKEND=cu130` takes the one for GPUs (CUDA 13.0).
    """
    with user_errors():
        from serving.commands.package import package as make

        print(f"{make(home, output, policy=policy)}: run it with `bentoml serve {output}`")


@keys_app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who holds it, such as `shop website`.")],
    scope: Annotated[
        list[str],
        typer.Option(
            help="What it opens: predict, events, experiments, or admin, all; repeatable."
        ),
    ],
    per_second: Annotated[
        float | None, typer.Option(help="Requests a second that each worker takes; else any.")
    ] = None,
    home: Home = HOME,
) -> None:
    """Make a key and print it: this once, since only its hash is stored.

    From the first key on, every request needs one, running services included.
    """
    with user_errors():
        from serving.access import keys

        now = datetime.now(UTC)
        key, text = keys.create(home, name, scopes=scope, per_second=per_second, now=now)
        print(f"key {key.id} of {key.name!r} ({', '.join(key.scopes)}), shown this once:")
        print(text)


@keys_app.command("list")
def list_keys(home: Home = HOME) -> None:
    """Show the keys, the revoked ones too; no command shows a key itself."""
    with user_errors():
        from serving.access import keys

        found = keys.read(home)
        if not found:
            print(f"no keys in {home}: a service there answers this machine alone")
        for key in found:
            rate = "" if key.per_second is None else f", {key.per_second:g}/s a worker"
            end = "" if key.revoked is None else f", revoked {key.revoked:%Y-%m-%d %H:%M} UTC"
            scopes = " ".join(key.scopes)
            print(f"{key.id}  {key.created:%Y-%m-%d %H:%M} UTC  {scopes}  {key.name}{rate}{end}")


@keys_app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The id, or how it begins.")],
    home: Home = HOME,
) -> None:
    """Close a key for good; running services refuse it within a second."""
    with user_errors():
        from serving.access import keys

        key = keys.revoke(home, key_id, now=datetime.now(UTC))
        print(f"revoked {key.id} of {key.name!r}")


@app.command()
def bench(
    home: Home = HOME,
    *,
    seconds: Annotated[int, typer.Option(min=5, help="Of load, for each number, in 5 turns.")] = 10,
    workers: Annotated[int, typer.Option(min=1, help="Of the last run; 1: none.")] = 2,
    products: Annotated[
        int | None,
        typer.Option(min=1, help="Compare with the catalogue filled up to so many instead."),
    ] = None,
) -> None:
    """Measure the service on a workspace beside a bare FastAPI endpoint; needs wrk.

    Prints requests a second, p50, p95, p99, CPU an answer and memory at 1, 8 and 32 connections,
    the ratios, and where the time of an answer goes. It writes exposures into the workspace.
    """
    with user_errors():
        from rich.console import Console

        from serving.bench import report

        console = Console()
        if products is None:
            report.bench(home, seconds=seconds, workers=workers, console=console)
        else:
            report.compare(home, products=products, seconds=seconds, console=console)


@app.command()
def ask(
    path: Annotated[str, typer.Argument(help="Such as /v1/recommendations or /readyz.")],
    body: Annotated[str | None, typer.Argument(help="JSON to send; without it, a GET.")] = None,
    *,
    method: Annotated[str, typer.Option(help="How the body is sent: POST or PUT.")] = "POST",
    url: Annotated[str, typer.Option(help="The running service.")] = "http://127.0.0.1:3000",
    key: Annotated[
        str | None, typer.Option(envvar="REGULARS_KEY", help="The key, where one is needed.")
    ] = None,
    patience: Annotated[float, typer.Option(help="Seconds to wait for it to be ready.")] = 60,
) -> None:
    """Ask the running service and print its answer; waits while it starts."""
    with user_errors():
        from rich import print_json

        from serving.commands.ask import ask as get

        answer = get(url, path, body, method=method, key=key, patience_s=patience)
        try:
            print_json(answer)
        except ValueError:  # no JSON: metrics and health are plain text
            print(answer)


if __name__ == "__main__":
    app()
