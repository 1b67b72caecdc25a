"""The trace: everything that is kept of one request or referral, in the order in which it happened, to see why it did
what it did. Masked, unless somebody who may says why they must see more."""

from gateway.tracing.asking import Found, find_identified, find_requests, find_trace, key_of, place_in
from gateway.tracing.gathering import Gathered
from gateway.tracing.telling import tell
from gateway.tracing.unmasking import check_reason, note_unmasking

__all__ = [
    "Found",
    "Gathered",
    "check_reason",
    "find_identified",
    "find_requests",
    "find_trace",
    "key_of",
    "note_unmasking",
    "place_in",
    "tell",
]
