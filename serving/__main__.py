"""`python -m serving`: the prediction API over HTTP."""

from pathlib import Path
from typing import Annotated

import typer

from configs.cli import HOME, Home, user_errors

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)


@app.command()
def run(
    home: Home = HOME,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
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
) -> None:
    """Serve the workspace's champions until interrupted.

    With `explore: 2` in the policy, the last two positions of a list are drawn from its next best
    products, and each item says how likely it was: what counterfactual evaluation learns from.
    """
    with user_errors():
        from serving.launch import launch

        launch(home, host=host, port=port, workers=workers, policy=policy)


@app.command()
def package(
    output: Annotated[Path, typer.Option(help="The Bento's folder; must not exist.")],
    home: Home = HOME,
) -> None:
    """Make a Bento that carries models, products and code: `bentoml serve OUTPUT` runs it."""
    with user_errors():
        from serving.package import package as make

        print(f"{make(home, output)}: run it with `bentoml serve {output}`")


@app.command()
def ask(
    path: Annotated[str, typer.Argument(help="Such as /v1/recommendations or /readyz.")],
    body: Annotated[str | None, typer.Argument(help="JSON to send; without it, a GET.")] = None,
    method: Annotated[str, typer.Option(help="How the body is sent: POST or PUT.")] = "POST",
    url: Annotated[str, typer.Option(help="The running service.")] = "http://127.0.0.1:3000",
    patience: Annotated[float, typer.Option(help="Seconds to wait for it to be ready.")] = 60,
) -> None:
    """Ask the running service and print its answer; waits while it starts."""
    with user_errors():
        from rich import print_json

        from serving.ask import ask as get

        answer = get(url, path, body, method=method, patience_s=patience)
        try:
            print_json(answer)
        except ValueError:  # no JSON: metrics and health are plain text
            print(answer)


if __name__ == "__main__":
    app()
