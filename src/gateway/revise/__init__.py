"""What the referrer changes later: further versions of what is stored, and what they mean for referrals."""

from gateway.revise.amending import read_held
from gateway.revise.cancelling import asks_to_cancel
from gateway.revise.carrying_out import revise
from gateway.revise.restricting import withhold_known
from gateway.revise.touched import touches_stored
from gateway.revise.turns import Outdated, read_again, recall_refusals, take_turn, takes_turns

__all__ = [
    "Outdated",
    "asks_to_cancel",
    "read_again",
    "read_held",
    "recall_refusals",
    "revise",
    "take_turn",
    "takes_turns",
    "touches_stored",
    "withhold_known",
]
