"""The ids that the gateway gives, handed on to later requests: which variable keeps which, and where it is got."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from gateway.reference.contract import Sent
from gateway.reference.samples import UUID

OWNER = re.compile(r"([A-Z]\w+)/[0-9a-f-]{36}")
MADE = re.compile("01981f3e-[0-9a-f-]{27}")  # as tools.contract writes an id that a gateway gave


def variable(name: str) -> str:
    """As Postman writes it: {{name}}."""
    return f"{{{{{name}}}}}"


class Ids:
    """`names` has the variable of each id that some request needs, `got` the (variable, JSON Pointer) of each step."""

    def __init__(self, told: Sequence[Sent]) -> None:
        self.names: dict[str, str] = {}
        self.got: dict[int, list[tuple[str, str]]] = {}
        wanted = {id_ for one in told for id_ in MADE.findall(str(one.call))}
        for one in told:
            for place, text in _texts(one):
                for id_ in UUID.finditer(text):
                    if id_[0] in wanted and id_[0] not in self.names and id_[0] not in str(one.call):
                        self.names[id_[0]] = self._free(_kind(place, text))
                        self.got.setdefault(one.step, []).append((self.names[id_[0]], place))

    def _free(self, name: str) -> str:
        taken = {*self.names.values()}
        return next(one for one in (name, *(f"{name}_{number}" for number in range(2, 99))) if one not in taken)

    def put_in(self, text: str) -> str:
        """With a variable for each id."""
        return MADE.sub(lambda found: variable(self.names[found[0]]) if found[0] in self.names else found[0], text)


def _texts(one: Sent) -> Iterator[tuple[str, str]]:
    """(JSON Pointer, text) of what the answer has; of a step between, no more than its ids are known."""
    if one.gives:
        yield from one.gives.items()
    else:
        yield from _inside(one.answer, "")


def _inside(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield from _inside(inner, f"{place}/{step}")


def _kind(place: str, text: str) -> str:
    """What it is the id of: patient of ".../Patient/{id}", question of /questions/0/id."""
    if owner := OWNER.search(text):
        return owner[1].lower()
    named = [step for step in place.split("/") if step and not step.isdigit() and step not in {"id", "fullUrl"}]
    return named[-1].removesuffix("_id").removesuffix("s") if named else "resource"
