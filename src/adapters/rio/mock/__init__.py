"""A mock of an EPR like RiO: a real small server with its own store, a page of its record and scripted faults.

../README.md is the contract it keeps, README.md how to run it and what can go wrong.
"""

from adapters.rio.mock.app import build_mock
from adapters.rio.mock.faults import load_faults
from adapters.rio.mock.mistakes import MockError, read_address
from adapters.rio.mock.oauth import load_jwks, load_key
from adapters.rio.mock.smart import App

__all__ = ["App", "MockError", "build_mock", "load_faults", "load_jwks", "load_key", "read_address"]
