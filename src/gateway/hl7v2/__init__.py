"""HL7 v2 messages of a sender's EPR: who sent them, what they change, and how they are acknowledged.

Needs the extra `hl7v2`.
"""

from gateway.hl7v2.taking import take

__all__ = ["take"]
