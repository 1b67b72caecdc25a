"""What the pieces of a FHIRPath expression do: each makes a function from nodes to nodes, as the specification says.

Nodes are what JSON gave: objects as dicts, texts, numbers and booleans. A collection of nothing is an empty list.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Nodes = list[Any]
Step = Callable[[Nodes], Nodes]
Part = Step | str  # a str is the name of a plain member

TRUE, FALSE, NOTHING = [True], [False], list[Any]()  # never changed by a step


@dataclass(frozen=True, slots=True)
class Literal:
    value: str | bool

    def __call__(self, _nodes: Nodes) -> Nodes:
        return [self.value]


def chain(parts: list[Part]) -> Step:
    """One after the other; neighbouring members become one step."""
    steps: list[Step] = []
    names: list[str] = []
    for part in [*parts, None]:
        if isinstance(part, str):
            names.append(part)
            continue
        if names:
            steps.append(members(names))
            names = []
        if part:
            steps.append(part)
    if len(steps) == 1:
        return steps[0]

    def run(nodes: Nodes) -> Nodes:
        for step in steps:
            nodes = step(nodes)
        return nodes

    return run


def members(names: list[str]) -> Step:
    def step(nodes: Nodes) -> Nodes:
        for name in names:
            found: Nodes = []
            for node in nodes:
                if type(node) is dict:
                    value = node.get(name)
                    if type(value) is list:
                        found += value
                    elif value is not None:
                        found.append(value)
            if not found:
                return NOTHING
            nodes = found
        return nodes

    return step


def choice(name: str) -> Step:
    """`value` is found as valueString, valueCoding ...; an element that is just called `value` is found as it is."""
    plain, end = members([name]), len(name)

    def step(nodes: Nodes) -> Nodes:
        return plain(nodes) or [
            node[key]
            for node in nodes
            if type(node) is dict
            for key in node
            if key.startswith(name) and key[end : end + 1].isupper()
        ]

    return step


def item(index: int) -> Step:
    return lambda nodes: nodes[index : index + 1]


def exists(nodes: Nodes) -> Nodes:
    return TRUE if nodes else FALSE


def negation(nodes: Nodes) -> Nodes:
    return NOTHING if not nodes else FALSE if nodes[0] else TRUE


def where(criterion: Step) -> Step:
    return lambda nodes: [node for node in nodes if criterion([node]) == TRUE]


def of_type(name: str) -> Step:
    return lambda nodes: [node for node in nodes if type(node) is dict and node.get("resourceType") == name]


def extension(url: str) -> Step:
    extensions = members(["extension"])
    return lambda nodes: [one for one in extensions(nodes) if type(one) is dict and one.get("url") == url]


def matches(regex: str) -> Step:
    search = re.compile(regex).search
    return lambda nodes: NOTHING if not nodes else TRUE if search(str(nodes[0])) else FALSE


def equal(left: list[Part], right: list[Part], same: bool) -> Step:
    """Equality of what both sides yield; nothing when one side yields nothing."""
    if len(left) == 1 and isinstance(left[0], str) and isinstance(right[0], Literal):
        return member_equals(left[0], right[0].value, same)
    one, other = chain(left), chain(right)

    def step(nodes: Nodes) -> Nodes:
        a, b = one(nodes), other(nodes)
        return NOTHING if not a or not b else TRUE if (a == b) is same else FALSE

    return step


def member_equals(name: str, literal: str | bool, same: bool) -> Step:
    """The commonest criterion, `use = 'home'`, without the detour over lists."""

    def step(nodes: Nodes) -> Nodes:
        value = nodes[0].get(name) if type(nodes[0]) is dict else None
        if value is None or value == []:
            return NOTHING
        return TRUE if (value in (literal, [literal])) is same else FALSE

    return step


def both(left: Step, right: Step) -> Step:
    def step(nodes: Nodes) -> Nodes:
        a = left(nodes)
        if a == FALSE:
            return FALSE
        b = right(nodes)
        return FALSE if b == FALSE else TRUE if a and b else NOTHING

    return step


def either(left: Step, right: Step) -> Step:
    def step(nodes: Nodes) -> Nodes:
        a = left(nodes)
        if a == TRUE:
            return TRUE
        b = right(nodes)
        return TRUE if b == TRUE else FALSE if a and b else NOTHING

    return step
