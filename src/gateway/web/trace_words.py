"""What of a trace is turned into words or markup: times, JSON, values."""

import json
import re
from datetime import datetime
from typing import Any

from markupsafe import Markup, escape

from mappings.clinician import UK

HIDDEN = re.compile(r"\[hidden: [a-z0-9 ]{1,30}\]")
MOST_SHOWN = 60_000  # characters of one body; the API has them all


def moment_words(instant: str) -> str:
    """2 March 2026, 9:30:15am GMT; in UK time."""
    at = datetime.fromisoformat(instant).astimezone(UK)
    return f"{at.day} {at:%B %Y}, " + f"{at:%I:%M:%S%p}".lstrip("0").lower() + f" {at:%Z}"


def when(instant: str) -> Markup:
    """The same, with the exact instant for whoever points at it, and for machines."""
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(instant, moment_words(instant))


def pretty(content: Any) -> Markup:
    """JSON set out line by line, a text as it is; what is hidden stands back."""
    text = content if isinstance(content, str) else json.dumps(content, indent=2, ensure_ascii=False)
    more = len(text) - MOST_SHOWN
    cut = f"{text[:MOST_SHOWN]}\n... {more:,} more characters: read them at /platform/v1/traces" if more > 0 else text
    return _dimmed(cut)


def short(content: Any) -> Markup:
    """What the journal tells, on one line: to: received."""
    return _dimmed("; ".join(f"{name}: {_plain(value)}" for name, value in content.items()))


def shown(value: Any) -> Markup:
    if isinstance(value, list):
        return Markup("<br>").join(shown(one) for one in value)
    return _dimmed(_plain(value))


def path(text: str) -> Markup:
    """A long path or address that may break after its dots and slashes."""
    return Markup("<wbr>").join(re.split(r"(?<=[./|{_-])(?=[A-Za-z0-9])", text))


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "nothing"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _dimmed(text: str) -> Markup:
    escaped = str(escape(text))
    return Markup(HIDDEN.sub(lambda found: f'<span class="app-hidden">{found[0]}</span>', escaped))  # noqa: S704 - escaped


FILTERS = {"moment": moment_words, "path": path, "when": when, "pretty": pretty, "short": short, "shown": shown}
