"""Fills a suite's documents: `${name}` is what was kept, `${new.x}` a UUID that stays the same through a test,
`${now}` the instant, `${today}` the day (UTC); `change` sets or leaves out single elements."""

import copy
import itertools
import re
from collections.abc import Mapping
from typing import Any

from gateway.contract.exchange import Exchange
from gateway.ids import instant, new_id, now

NAME = re.compile(r"\$\{([a-z][\w.-]*)\}")
STEP = re.compile(r"([A-Za-z_-]\w*)|\[(\d+)\]")


class CannotFill(Exception):
    """The step needs something that no step before it has kept, changes what is not there, or cannot be sent with what
    was kept; the text says which."""


class Filling:
    """The words of one test. `kept` is what its steps have kept so far."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.kept: dict[str, Any] = dict(given)
        self._new: dict[str, str] = {}

    def text(self, text: str) -> str:
        """Raises CannotFill for a name that nobody has kept."""
        return NAME.sub(lambda match: str(self._word(match.group(1))), text)

    def pattern(self, text: str) -> str:
        """A regular expression in which what was kept stands for itself. Raises CannotFill."""
        return NAME.sub(lambda match: re.escape(str(self._word(match.group(1)))), text)

    def document(self, document: Any, change: Mapping[str, Any]) -> Any:
        """A copy, filled and changed."""
        filled = self._fill(copy.deepcopy(document))
        for place, value in change.items():
            _set(filled, place, self._fill(copy.deepcopy(value)))
        return filled

    def _fill(self, value: Any) -> Any:
        if isinstance(value, str):
            whole = NAME.fullmatch(value)
            return self._word(whole.group(1)) if whole else self.text(value)
        if isinstance(value, dict):
            return {key: self._fill(inner) for key, inner in value.items()}
        return [self._fill(inner) for inner in value] if isinstance(value, list) else value

    def _word(self, name: str) -> Any:
        if name.startswith("new."):
            return self._new.setdefault(name, new_id())
        if name == "now":
            return instant(now())
        if name == "today":
            return instant(now())[:10]
        if name not in self.kept:
            raise CannotFill(f"${{{name}}} was not kept by a step before")
        if isinstance(self.kept[name], Exchange):
            raise CannotFill(f"${{{name}}} is a whole exchange, for `same_body_as` alone")
        return self.kept[name]


def _set(document: Any, place: str, value: Any) -> None:
    """`Task.status` in a Bundle is that of its first Task; `/entry` starts at the document itself."""
    steps: list[str | int] = [name or int(index) for name, index in STEP.findall(place.removeprefix("/"))]
    at = document
    if not place.startswith("/") and steps and str(steps[0])[:1].isupper():
        at = _resource(document, str(steps.pop(0)))
    if not steps:
        raise CannotFill(f"{place} names no element")
    for step, following in itertools.pairwise(steps):
        at = _inside(at, step, [] if isinstance(following, int) else {}, place)
    last = steps[-1]
    try:
        if value is None:
            del at[last]
        elif isinstance(at, list) and last == len(at):
            at.append(value)
        else:
            at[last] = value
    except (KeyError, IndexError, TypeError):
        raise CannotFill(f"{place} is not in the document") from None


def _inside(at: Any, step: str | int, empty: Any, place: str) -> Any:
    try:
        return at.setdefault(step, empty) if isinstance(at, dict) else at[step]
    except (IndexError, TypeError):
        raise CannotFill(f"{place} is not in the document") from None


def _resource(document: Any, type_: str) -> Any:
    entries = document.get("entry") if isinstance(document, dict) else None
    inside = [one.get("resource") for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
    for resource in (document, *inside):
        if isinstance(resource, dict) and resource.get("resourceType") == type_:
            return resource
    raise CannotFill(f"there is no {type_} in the document")
