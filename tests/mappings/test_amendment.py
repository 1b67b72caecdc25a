"""What an amendment changed, in words."""

from typing import Any

import pytest

from mappings.amendment import fields_changed

Json = dict[str, Any]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"urgency": "routine"}, {"urgency": "soon"}, [("urgency", "routine", "soon")]),
        ({}, {"what_matters": "Her garden"}, [("what_matters", None, "Her garden")]),
        (
            {"person": {"address": {"lines": ["8 Quayside Mews"], "city": "Northdale"}}},
            {"person": {"address": {"lines": ["1 Mill Lane", "Flat 2"], "city": "Northdale"}}},
            [("person.address.lines", "8 Quayside Mews", "1 Mill Lane; Flat 2")],
        ),
        (
            {"person": {"phones": [{"value": "01632 960999", "use": "home"}], "sensitive": False}},
            {"person": {"sensitive": True}},
            [("person.phones", None, None), ("person.sensitive", "no", "yes")],
        ),
        (
            {
                "reasons": [{"domain": "housing", "label": "Housing", "primary": True}],
                "consent": {"decision": "permit"},
            },
            {"reasons": [{"label": "Pets", "primary": True}], "consent": {"decision": "deny"}},
            [("reasons", "Housing", "Pets"), ("consent.decision", "permit", "deny")],
        ),
        (
            {"risks": [{"type": "Safety", "text": "A dog"}]},
            {"risks": [{"type": "Safety", "text": "Two dogs"}, {"text": "Stairs"}]},
            [("risks", "Safety, A dog", "Safety, Two dogs; Stairs")],
        ),
        ({"person": {"gender": "female"}}, {"person": {"gender": "female"}}, []),
    ],
)
def test_fields_changed(before: Json, after: Json, told: list[tuple[str, str | None, str | None]]) -> None:
    assert [(one["field"], one["before"], one["after"]) for one in fields_changed(before, after)] == told
