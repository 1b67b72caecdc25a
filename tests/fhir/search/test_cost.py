"""What one search may cost: the more values, the fewer resources are looked at; and links short enough to follow."""

from datetime import UTC, datetime

import pytest
from tests.app import Running
from tests.fhir.search.asking import ask, create_patient, found, link, post_search, search, shown

from gateway.finding import searching
from gateway.search import criteria, criterion, parameter_of
from gateway.search.dates import Span

WANTED = ",".join(f"gt19{year}" for year in range(10, 50))  # 40 values


def test_a_date_is_read_once_for_all_values(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []

    def spans(found: object) -> list[Span]:
        read.append(found)
        return [(datetime(1900, 1, 1, tzinfo=UTC), datetime(1900, 1, 2, tzinfo=UTC))]

    monkeypatch.setattr(criteria, "spans_of", spans)
    birthdate = parameter_of("Patient", "birthdate")
    assert birthdate

    assert not criterion(birthdate, "", WANTED, "").judge({"resourceType": "Patient", "birthDate": "1900-01-01"})
    assert read == ["1900-01-01"]


async def test_r17_with_many_values_less_is_looked_at(gateway: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [(await create_patient(gateway, "Harrow"))["id"] for _ in range(6)]
    monkeypatch.setattr(searching, "LIGHT", 10)
    monkeypatch.setattr(searching, "READ", 18)  # of one value; of 40 only 4
    monkeypatch.setattr(searching, "COUNTED", 18)

    first = await search(gateway, f"Patient?birthdate={WANTED}")
    assert (shown(first), "total" in first) == (ids[:4], False)
    assert await found(gateway, link(first, "next") or "") == ids[4:]

    for query in (f"birthdate={WANTED}&_summary=count", f"birthdate={WANTED}&_sort=family"):
        answer = await ask(gateway, f"Patient?{query}")
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (400, "too-costly")
        assert "fewer values" in answer.json()["issue"][0]["diagnostics"]
    repeated = ",".join(["gt1910"] * 40)  # is one value
    assert (await search(gateway, f"Patient?birthdate={repeated}&_summary=count"))["total"] == 6


async def test_r17_a_next_link_that_could_not_be_followed_is_not_given_out(gateway: Running) -> None:
    for _ in range(3):
        await create_patient(gateway, "Harrow")
    others = ",".join(f"{number * 7919**30:x}" for number in range(1, 191))
    asked = {"family": "harrow", "identifier:not": others}

    answer = await post_search(gateway, "Patient", asked | {"_count": "1"})
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (400, "too-costly")
    assert "fewer or shorter values" in answer.json()["issue"][0]["diagnostics"]
    assert len(shown((await post_search(gateway, "Patient", asked)).json())) == 3
