"""Who is known here: sending organisations, hubs, the systems that call us, and where their news goes."""

from gateway.parties.directory import Directory
from gateway.parties.file import PartiesError, load_parties, read_parties
from gateway.parties.register import register
from gateway.parties.shapes import Parties

__all__ = ["Directory", "Parties", "PartiesError", "load_parties", "read_parties", "register"]
