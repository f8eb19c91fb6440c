"""The draft of a mapping: its lines, the reason of each, and the questions that stay open."""

from dataclasses import dataclass, field
from typing import Any, Final

STAND_INS: Final = {"timezone": "UTC", "currency": "XXX"}
"""For looking at the data while these are open; XXX is ISO 4217's code for no currency."""


@dataclass
class Draft:
    """A mapping in the making. Keys are dotted, as in `order_lines.order_id`."""

    values: dict[str, Any] = field(default_factory=dict)
    """The mapping's values: text, lists of text, or dictionaries of them."""
    reasons: dict[str, list[str]] = field(default_factory=dict)
    """What the files show, by the key that it concerns."""
    questions: dict[str, list[str]] = field(default_factory=dict)
    """What only the shop can answer, by the key that it concerns."""

    def put(self, key: str, value: Any, reason: str) -> None:
        """Set `key` of the mapping to `value`, for a reason."""
        self.values[key] = value
        self.note(key, reason)

    def note(self, key: str, reason: str) -> None:
        """Add a reason to `key`, whether it has a value or not."""
        if reason not in self.reasons.setdefault(key, []):
            self.reasons[key].append(reason)

    def ask(self, key: str, question: str) -> None:
        """Add an open question about `key`; it says what to change, or what confirms the line."""
        if question not in self.questions.setdefault(key, []):
            self.questions[key].append(question)
