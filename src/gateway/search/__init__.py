"""What resources are found by (R4 search.html): the parameters of each type, their values, the keys stored of them."""

from gateway.search.criteria import Criterion, criterion, matches
from gateway.search.keys import keys, token_key, url_key
from gateway.search.narrowing import Narrowing
from gateway.search.table import TABLE, belongs_by, includes_of, parameter_of, parameters_of, revincludes_of

__all__ = [
    "TABLE",
    "Criterion",
    "Narrowing",
    "belongs_by",
    "criterion",
    "includes_of",
    "keys",
    "matches",
    "parameter_of",
    "parameters_of",
    "revincludes_of",
    "token_key",
    "url_key",
]
