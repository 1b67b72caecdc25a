"""Finding stored resources: what one index narrows is judged on its content; the work of one request is bounded.

    criteria = query.criteria + await linked_criteria(connection, organisation, query, base_url)
    page = await search_of(connection, organisation, query, criteria).page(query.count, None)

What a query is, and what meets it, is said in `gateway.search`; the statements are in `gateway.store.search`.
"""

from gateway.finding.everything import Wanted, about_patient, beside
from gateway.finding.includes import include, load
from gateway.finding.links import linked_criteria
from gateway.finding.searching import Found, Page, Search, search_of

__all__ = [
    "Found",
    "Page",
    "Search",
    "Wanted",
    "about_patient",
    "beside",
    "include",
    "linked_criteria",
    "load",
    "search_of",
]
