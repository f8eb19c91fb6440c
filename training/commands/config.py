"""`training config`: the settings of a model."""

from typing import TYPE_CHECKING

from configs.cli import user_errors
from training.commands.options import ConfigFile, Model, Overrides

if TYPE_CHECKING:
    from configs.loader import Config
    from training.reports.text_table import TextTable


def config(model: Model, overrides: Overrides = None, *, config: ConfigFile = None) -> None:
    """Show every setting of a model: its value, what is allowed, what it means, what `tune` draws.

    With overrides or a file it shows what they make of the settings, and refuses what is wrong.
    Example: python -m training config two_tower epochs=3
    """
    with user_errors():
        from configs.loader import load_config
        from training.commands.display import console, table
        from training.models import config_class

        made = load_config(config_class(model), config, overrides or ())
        console.print(table(_grid(model, made), words=True))


def _grid(model: str, made: "Config") -> "TextTable":
    from configs.described import settings
    from training.reports.text_table import TextTable
    from training.search_spaces import SPACES

    space = SPACES.get(model, {})
    return TextTable(
        title=f"Settings of {model}",
        columns=("key", "value", "allowed", "meaning", "tune"),
        rows=tuple(
            (each.key, each.default, each.allowed, each.meaning, _drawn(space.get(each.key)))
            for each in settings(made)
        ),
    )


def _drawn(values: object) -> str:
    """Return what `tune` draws of a setting, in words."""
    from training.search_spaces import Range

    if values is None:
        return ""
    if isinstance(values, Range):
        return f"{values.low:g} .. {values.high:g}"
    assert isinstance(values, tuple)  # the other kind of space
    return ", ".join("null" if value is None else str(value) for value in values)
