"""What a referral needs so that somebody can act on it safely, and what is found where it lacks something."""

from gateway.profile.findings import check_referral
from gateway.profile.rules import Rule, Sent
from gateway.profile.table import CONFIGURABLE, RULES

__all__ = ["CONFIGURABLE", "RULES", "Rule", "Sent", "check_referral"]
