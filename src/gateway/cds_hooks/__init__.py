"""CDS Hooks 2.0: what an EPR shows beside a record, and what became of it (https://cds-hooks.hl7.org/2.0)."""

from gateway.cds_hooks.routes import add_cds_hooks

__all__ = ["add_cds_hooks"]
