"""What nobody is to read in a report or on a screen: secrets, and signs that no text should have.

A secret is known by its name (of a header, of a field of JSON or of a form) and, once seen under one, by its value
wherever else that stands. Values of fewer than six signs are known by their names alone: "1" is everywhere.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote, quote_plus, unquote_plus

from gateway.contract.config import Config
from gateway.contract.exchange import Exchange

MASK = "(not shown)"
HEADERS = re.compile(r"(authorization|cookie|token|secret|password|api-?key)\Z", re.IGNORECASE)
FIELDS = r"(?:access|refresh|id)_?token|client_?secret|(?:client_?)?assertion|password"
FIELD = re.compile(rf"({FIELDS})\Z", re.IGNORECASE)
# As JSON, also inside a string of JSON, or as a form. What follows the name is its value, to its end.
WRITTEN = re.compile(
    rf"((?:{FIELDS})(?:\\*\"\s*:\s*|=|%3d))(\"(?:[^\"\\]|\\.)*|\\+\"(?:[^\"\\]|\\[^\"])*|[^\s&\"'<>,}}\\]+)",
    re.IGNORECASE,
)
USER = re.compile(r"(?<=://)[^/@\s]+(?=@)")
CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
SHORTEST, LONGEST = 6, 10_000  # signs of a value that is looked for
MOST_LEARNT = 300  # values: a counterpart may send a million, and each is looked for in everything


def plain(text: str) -> str:
    """Without what XML 1.0 cannot say, UTF-8 cannot hold, or a terminal would obey."""
    return CONTROLS.sub("", text)


class Mask:
    """Knows the configuration's secrets, and learns those that go over the wire."""

    def __init__(self, config: Config) -> None:
        self._headers = {name.lower() for name in config.headers}
        self._values: set[str] = set()
        tokens = [account.token for account in config.clients.values()]
        for value in (*config.headers.values(), config.secret, *tokens):
            self._learn_one(value or "")

    def learn(self, exchange: Exchange) -> None:
        for headers in (exchange.sent_headers, exchange.headers):
            for name, value in headers.items():
                if self._is_secret(name):
                    self._learn_one(value)
                    self._learn_one(value.rpartition(" ")[2])  # Bearer and a token
        for body in (exchange.sent_body, exchange.body):
            for value in _values(body):
                self._learn_one(value)

    def _learn_one(self, value: str) -> None:
        for one in (value, unquote_plus(value)):
            if SHORTEST <= len(one) <= LONGEST and len(self._values) < MOST_LEARNT:
                sent = one.encode("utf-8", "replace")
                self._values |= {one, quote(sent, ""), quote_plus(sent), json.dumps(one)[1:-1]}

    def text(self, text: str) -> str:
        text = WRITTEN.sub(_masked, USER.sub(MASK, text))
        for value in sorted(self._values, key=len, reverse=True):  # the longest first: others may stand inside it
            text = text.replace(value, MASK)
        return plain(text)

    def sentence(self, text: str) -> str:
        """In one line, so that no answer writes lines of its own between the runner's."""
        return " ".join(self.text(text).split())

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {name: MASK if self._is_secret(name) else self.text(value) for name, value in headers.items()}

    def body(self, body: bytes) -> str:
        """JSON is made readable."""
        text = body.decode("utf-8", "replace")
        if text.lstrip()[:1] in {"{", "["}:
            with suppress(ValueError, RecursionError):
                text = json.dumps(_without(json.loads(text)), indent=2, ensure_ascii=False)
        return self.text(text)

    def _is_secret(self, name: str) -> bool:
        return name.lower() in self._headers or HEADERS.search(name) is not None


def _masked(found: re.Match[str]) -> str:
    quotes = re.match(r"\\*\"?", found[2])
    return f"{found[1]}{quotes[0] if quotes else ''}{MASK}"


def _values(body: bytes) -> Iterator[str]:
    text = body.decode("utf-8", "replace")
    if text.lstrip()[:1] in {"{", "["}:
        with suppress(ValueError, RecursionError):
            yield from _inside(json.loads(text))
    for found in WRITTEN.finditer(text):
        yield found[2].lstrip('\\"')


def _inside(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        for name, value in document.items():
            if FIELD.search(name):
                yield str(value)
            else:
                yield from _inside(value)
    elif isinstance(document, list):
        for one in document:
            yield from _inside(one)


def _without(document: Any) -> Any:
    if isinstance(document, dict):
        return {name: MASK if FIELD.search(name) else _without(value) for name, value in document.items()}
    return [_without(one) for one in document] if isinstance(document, list) else document
