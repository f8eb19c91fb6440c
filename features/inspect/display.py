"""What `inspect` shows on the console: what would come in, and the questions to answer."""

from pathlib import Path

from rich.console import RenderableType
from rich.text import Text

from features.checks.display import show as show_figures
from features.inspect.inspect import Inspection


def show(inspection: Inspection, output: Path) -> list[RenderableType]:
    """Return the figures of what would come in, the open questions, and the next command."""
    parts: list[RenderableType] = []
    if inspection.figures is not None:
        parts += show_figures(inspection.figures, inspection.doubts)
    elif inspection.refusal is not None:
        parts.append(
            Text(f"`ingest` would refuse the file with this mapping: {inspection.refusal}")
        )
    for key, questions in inspection.questions.items():
        parts += [Text(f"question: {key}: {question}") for question in questions]
    files = " ".join(f"--file {file}" for file in inspection.order_files)
    first = "Answer the questions there and remove them, then: " if inspection.questions else ""
    parts.append(
        Text(
            f"{output} holds the mapping. {first}python -m features ingest csv {files} "
            f"--mapping {output} --home HOME"
        )
    )
    return parts
