"""CDS Hooks 2.0: what an EPR shows beside a record."""
