"""FHIR Subscriptions (HL7 subscriptions backport 1.1.0 in R4): what a client may ask for, and how it asks after it."""

from gateway.fhir.subscriptions.operations import read_events, read_status, read_statuses
from gateway.fhir.subscriptions.storing import keep_subscription

__all__ = ["keep_subscription", "read_events", "read_status", "read_statuses"]
