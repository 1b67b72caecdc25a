"""$process-message: BaRS-shaped messages that refer, amend a referral, or cancel it (BaRS Core 1.x)."""

from gateway.fhir.messages.process import process, process_message, take_post_only

__all__ = ["process", "process_message", "take_post_only"]
