"""Where a next page starts: sealed, because the search in it may name a patient, and an address is kept in many logs.

The seal (JWE, A256GCM, with a key made from the token secret) hides it, and shows if it was changed: what opens was
given out here. It holds the whole search, so a next link says nothing else, after a POST as after a GET.
"""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from gateway.errors import BadRequest, TooCostly
from gateway.fhir.exchange import Exchange
from gateway.search.query import SILENT, Given
from gateway.security import token_secret

Json = dict[str, Any]

HEADER = {"alg": "dir", "enc": "A256GCM", "zip": "DEF"}
LONGEST = 20_000  # characters of a seal that is opened
LONGEST_GIVEN = 8_000  # of one given out: proxies refuse longer addresses, and later places in an order may be longer


def next_link(exchange: Exchange, where: str, content: Json, most: int = LONGEST_GIVEN) -> Json:
    """The link to the page that this content starts; `where` is the address that it is a page of.

    Raises TooCostly when its seal would have more than `most` characters.
    """
    word = _seal(exchange, content | {"where": where})
    if len(word) > most:
        raise TooCostly(
            "The link to the next page, which holds this search, would be too long to follow. "
            "Ask with fewer or shorter values, a part of them at a time, or for so few that one page holds them."
        )
    return {"relation": "next", "url": f"{exchange.base_url}/{where}?{urlencode({'_page': word})}"}


def open_page(exchange: Exchange, where: str, given: Given) -> Json | None:
    """What was sealed, with `word`, the seal itself; None when these parameters ask for a first page.

    Raises BadRequest for a page that is not of this address, and for more beside it.
    """
    words = [value for name, value in given if name == "_page"]
    if not words:
        return None
    if len(words) > 1 or any(name not in ("_page", *SILENT) for name, _ in given):
        raise BadRequest("_page holds the whole search: follow the next link as it is.")
    content = _unseal(exchange, words[0])
    if content.get("where") != where:
        raise BadRequest("_page is of another search. Follow the next link as it is.")
    return content | {"given": [(name, value) for name, value in content["given"]], "word": words[0]}


def _seal(exchange: Exchange, content: Json) -> str:
    """The content as one word of an address, for this organisation only."""
    sealed = orjson.dumps(content | {"organisation": exchange.caller.organisation})
    return jwe.encrypt_compact(HEADER, sealed, _key(exchange.gateway.settings.token_secret_file))


def _unseal(exchange: Exchange, word: str) -> Json:
    """Raises BadRequest for anything that was not sealed here for this organisation."""
    algorithms = list(HEADER.values())
    try:
        if len(word) > LONGEST:
            raise ValueError
        opened = jwe.decrypt_compact(word, _key(exchange.gateway.settings.token_secret_file), algorithms)
        content: Json = orjson.loads(opened.plaintext or b"")
    except (JoseError, ValueError, TypeError, AttributeError, KeyError, RecursionError):  # as hostile input may raise
        content = {}
    if content.pop("organisation", None) != exchange.caller.organisation:
        raise BadRequest("_page is not one of this gateway's. Follow the next link as it is, or search again.")
    return content


@lru_cache
def _key(secret_file: Path) -> OctKey:
    return OctKey.import_key(hashlib.sha256(b"search pages " + token_secret(secret_file).encode()).digest())
