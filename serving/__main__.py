"""`python -m serving`: the prediction API over HTTP."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
HOME = Path(".regulars")
Home = Annotated[
    Path, typer.Option(envvar="REGULARS_HOME", help="The workspace: a directory per shop.")
]


@contextmanager
def _user_errors() -> Iterator[None]:
    """End what the user can mend as one line on stderr and exit code 2."""
    from features.workspace import WorkspaceError
    from serving.launch import LaunchError

    try:
        yield
    except (WorkspaceError, LaunchError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        raise typer.Exit(2) from error


@app.command()
def run(
    home: Home = HOME,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 3000,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 1,
) -> None:
    """Serve the workspace's champions until interrupted."""
    with _user_errors():
        from serving.launch import launch

        launch(home, host=host, port=port, workers=workers)


@app.command()
def package(
    output: Annotated[Path, typer.Option(help="The Bento's folder; must not exist.")],
    home: Home = HOME,
) -> None:
    """Make a Bento that carries models, products and code: `bentoml serve OUTPUT` runs it."""
    with _user_errors():
        from serving.package import package as make

        print(f"{make(home, output)}: run it with `bentoml serve {output}`")


@app.command()
def ask(
    path: Annotated[str, typer.Argument(help="Such as /v1/recommendations or /readyz.")],
    body: Annotated[str | None, typer.Argument(help="JSON to post; without it, a GET.")] = None,
    url: Annotated[str, typer.Option(help="The running service.")] = "http://127.0.0.1:3000",
    patience: Annotated[float, typer.Option(help="Seconds to wait for it to be ready.")] = 60,
) -> None:
    """Ask the running service and print its answer; waits while it starts."""
    with _user_errors():
        from rich import print_json

        from serving.ask import ask as get

        print_json(get(url, path, body, patience_s=patience))


if __name__ == "__main__":
    app()
