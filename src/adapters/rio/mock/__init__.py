"""A mock of an EPR like RiO: a real small server with its own store, a page of its record and scripted faults.

See ../README.md for the contract it keeps.
"""

from adapters.rio.mock.app import build_mock

__all__ = ["build_mock"]
