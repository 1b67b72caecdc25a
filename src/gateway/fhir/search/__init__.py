"""Searching (R4 http.html#search): by type, in a patient's compartment, by GET and POST; and Patient/$everything.

    bundle = await searchset(exchange, "Task", [("status", "requested")])

What is found, and what it may cost, is decided in `gateway.finding`.
"""

from gateway.fhir.search.door import search, search_by_post, search_patient, search_patient_by_post
from gateway.fhir.search.everything import everything
from gateway.fhir.search.searchset import searchset

__all__ = [
    "everything",
    "search",
    "search_by_post",
    "search_patient",
    "search_patient_by_post",
    "searchset",
]
