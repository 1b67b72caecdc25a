"""One person's record in RiO, for one delivery."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.rio.finding import Found
from adapters.rio.options import RioOptions
from adapters.rio.reasons import OTHER_ID, Stop
from adapters.rio.session import Calls

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """`at` is when it happened; `reference` that of the referral, by which its parts are found again."""

    calls: Calls
    options: RioOptions
    client: Found
    reference: str
    at: datetime

    async def read(self, operation: str, client_id: str, **parts: Any) -> list[Any]:
        """What stands on the record of this ClientID, which may be one that was merged into it. Raises Stop when the
        answer is about another."""
        found = await self.calls.call(operation, ClientID=client_id, **parts) or []
        if any(one.ClientID != client_id for one in found):
            raise Stop(OTHER_ID)
        return list(found)


def is_shortened(held: str | None, text: str) -> bool:
    """Whether it is only the beginning of what was sent; what a clinician has made of it since is not."""
    return held != text and text.startswith(held or "")
