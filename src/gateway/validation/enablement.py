"""Whether an item of a Questionnaire is enabled by the answers given so far (R4 questionnaire.html, enableWhen)."""

from collections import defaultdict
from typing import Any

from gateway.validation.comparing import compare, same
from gateway.validation.schema import Json

MOST_REPEATS = 50  # of a question that others depend on, and of its answers; with more, it is not decided
_WANTED = {">": {1}, "<": {-1}, ">=": {0, 1}, "<=": {-1, 0}}

Way = tuple[int, ...]  # the items (by identity) from the top of a response down to one


class Given:
    """The answers in a response by linkId, each with the way to its item: a condition looks at the nearest."""

    def __init__(self, response: Json) -> None:
        self.by_link: defaultdict[str, list[tuple[Way, list[Any]]]] = defaultdict(list)
        todo: list[tuple[Way, Json]] = [((), response)]
        for way, node in todo:  # it grows as it goes
            for item in objects(node, "item"):
                answers = objects(item, "answer")
                below = (*way, id(item))
                if isinstance(item.get("linkId"), str):
                    values = [each for answer in answers if (each := value_of(answer)[1]) is not None]
                    self.by_link[item["linkId"]].append((below, values[: MOST_REPEATS + 1]))
                todo += [(below, each) for each in (item, *answers)]

    def near(self, way: Way, link: str) -> list[Any] | None:
        """The values of the question `link` that share most of the `way`; None when that is not decided."""
        found = self.by_link.get(link, [])
        if len(found) > MOST_REPEATS:
            return None
        nearest: list[Any] = []
        best = -1
        for other, values in found:
            shared = sum(1 for one, two in zip(way, other, strict=False) if one == two)
            if shared > best:
                best, nearest = shared, []
            if shared == best:
                nearest = [*nearest, *values]
        return nearest if len(nearest) <= MOST_REPEATS else None


def objects(node: Json, key: str) -> list[Json]:
    """The objects in a list, whatever else is in its place."""
    listed = node.get(key)
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def value_of(node: Json, choice: str = "value") -> tuple[str, Any]:
    """The type and value of a choice element, e.g. ("Coding", {...}); ("", None) where there is none."""
    for key, value in node.items():
        if key.startswith(choice) and key[len(choice) : len(choice) + 1].isupper():
            return key.removeprefix(choice), value
    return "", None


def enabled(item: Json, way: Way, given: Given) -> bool | None:
    """Whether the conditions of an item are met; None when that is not decided."""
    met = [_met(each, way, given) for each in objects(item, "enableWhen")]
    if not met:
        return True
    if item.get("enableBehavior") == "any":
        return True if True in met else None if None in met else False
    return False if False in met else None if None in met else True


def _met(condition: Json, way: Way, given: Given) -> bool | None:
    operator, (_, wanted) = condition.get("operator"), value_of(condition, "answer")
    values = given.near(way, str(condition.get("question")))
    if values is None or wanted is None:
        return None
    if operator == "exists":
        return bool(values) is wanted
    if operator == "=":
        return any(same(each, wanted) for each in values)
    if operator == "!=":  # R4's words for no answer at all are read both ways
        return not any(same(each, wanted) for each in values) if values else None
    compared = [compare(each, wanted) for each in values]
    if any(each in _WANTED.get(str(operator), set()) for each in compared):
        return True
    return None if None in compared else False
