"""Names for new things: ids, the referral reference, and the time."""

import os
import secrets
import time
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from functools import lru_cache

MILLISECOND = timedelta(milliseconds=1)

LONG_AGO = datetime.min.replace(tzinfo=UTC)

_closed = ContextVar("closed", default=LONG_AGO)


class Clock:
    """A clock that may be ahead of the real one: a sandbox's, where days pass when somebody asks for it."""

    def __init__(self, ahead: timedelta = timedelta(0)) -> None:
        self.ahead = ahead


clock: ContextVar[Clock | None] = ContextVar("clock", default=None)
"""By which clock this request or task goes; None: the real one."""


def now() -> datetime:
    """UTC, whole milliseconds: what is stored is exactly what a FHIR instant shows."""
    moment = datetime.now(UTC)
    if kept := clock.get():
        moment += kept.ahead
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def next_moment() -> datetime:
    """The time to store a change under: now, or just after the moment that is closed for it (`close_moment`)."""
    return max(now(), _closed.get() + MILLISECOND)


def close_moment(moment: datetime) -> None:
    """What is stored from now on for the request in hand is dated later than this: polls have gone past it
    (store.polls). For this request only: were one machine's clock years ahead, not all would follow it there."""
    _closed.set(max(_closed.get(), moment))


@lru_cache(maxsize=128)  # one request shows its one moment many times
def instant(moment: datetime) -> str:
    """FHIR instant in UTC, e.g. 2026-01-31T09:30:00.000Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_id() -> str:
    """A version 7 UUID (RFC 9562): ordered by time, so that inserts go to one end of each index."""
    since = time.time_ns() // 1_000_000
    if kept := clock.get():
        since += kept.ahead // MILLISECOND
    moment = f"{since:012x}"
    chance = os.urandom(10).hex()
    variant = "89ab"[int(chance[3], 16) & 3]
    return f"{moment[:8]}-{moment[8:]}-7{chance[:3]}-{variant}{chance[4:7]}-{chance[7:19]}"


def first_id(moment: datetime) -> str:
    """No id that was made from this moment on (`new_id`) comes before it."""
    digits = f"{int(moment.timestamp() * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}"


def new_reference() -> str:
    """A referral reference such as SP-4821-0937-5564: 17 characters (RiO's ExternalReferralId holds 25).

    Digits only, because letters are misheard on the phone; the last one is a check digit (ISO 7064 MOD 11,10).
    """
    digits = f"{secrets.randbelow(10**11):011d}"
    digits += _check_digit(digits)
    return f"SP-{digits[:4]}-{digits[4:8]}-{digits[8:]}"


def is_reference(text: str) -> bool:
    """Whether the text is a well-formed reference, so that one misheard digit is noticed before any look-up."""
    digits = text.removeprefix("SP-").replace("-", "")
    return len(digits) == 12 and digits.isascii() and digits.isdigit() and _check_digit(digits[:-1]) == digits[-1]


def _check_digit(digits: str) -> str:
    product = 10
    for digit in digits:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return str((11 - product) % 10)
