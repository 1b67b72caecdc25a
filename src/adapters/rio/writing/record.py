"""One person's record in RiO, for one delivery."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.rio.finding import Found
from adapters.rio.options import RioOptions
from adapters.rio.session import Session

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """`at` is when it happened; `reference` that of the referral, by which its parts are found again."""

    session: Session
    options: RioOptions
    client: Found
    reference: str
    at: datetime


def is_shortened(held: str | None, text: str) -> bool:
    """Whether it is only the beginning of what was sent; what a clinician has made of it since is not."""
    return held != text and text.startswith(held or "")
