"""What a Subscription wants to hear of: conditions on the version that was written, as in a search. Pure.

Source: backport-filter-criteria, e.g. `Task?status=completed&requester=Organization/1`; several are joined by AND.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from gateway.errors import BadRequest
from gateway.search import criterion, parameter_of, parameters_of
from gateway.search.tokens import split_commas

Json = dict[str, Any]
Filter = tuple[str, str]
"""A search parameter, perhaps with its modifier, and a value: ("status:not", "draft")."""

MOST = 20  # conditions of one Subscription, each judged at each change of each referral
MOST_VALUES = 50  # that one of them compares with


def read_filter(text: str, type_: str, base_url: str) -> list[Filter]:
    """The conditions in one filter on resources of the type. Raises BadRequest, naming what cannot be filtered by."""
    head, _, query = text.partition("?")
    if head != type_ or not query:
        raise BadRequest(f"A filter of this topic is written {type_}?parameter=value, joined by &.")
    try:
        given = parse_qsl(query, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=MOST)
    except ValueError:
        raise BadRequest(f"It must be name=value, joined by & ({MOST} at most), percent-encoded UTF-8.") from None
    return [_read(type_, name, value, base_url) for name, value in given]


def _read(type_: str, name: str, value: str, base_url: str) -> Filter:
    word, _, modifier = name.partition(":")
    parameter = parameter_of(type_, word)
    if parameter is None:
        known = ", ".join(sorted(parameters_of(type_)))
        shown = "".join(sign for sign in word[:60] if sign.isprintable())
        raise BadRequest(f"{shown} is nothing that a {type_} is filtered by. These are: {known}.")
    if parameter.type == "reference":  # an absolute address here, as the resource itself names it
        value = ",".join(one.removeprefix(f"{base_url}/") for one in split_commas(value))
    condition = criterion(parameter, modifier, value, "")
    if condition.alternatives > MOST_VALUES:
        raise BadRequest(f"{word} has more than {MOST_VALUES} values to be compared with.")
    return name, value


def judge_of(type_: str, filters: Iterable[Filter]) -> Callable[[Json], bool]:
    """Whether a resource of the type meets all of the filters."""
    judges = [_judge(type_, name, value) for name, value in filters]
    return lambda content: all(judge(content) for judge in judges)


@lru_cache(maxsize=1024)
def _judge(type_: str, name: str, value: str) -> Callable[[Json], bool]:
    word, _, modifier = name.partition(":")
    parameter = parameter_of(type_, word)
    if parameter is None:  # of a gateway of before: more is told then, and no referral fails for it
        return lambda _content: True
    return criterion(parameter, modifier, value, "").judge
