"""What the CapabilityStatement says of Subscriptions, so that a client finds topics, profile and operations."""

import json

from gateway.fhir.metadata import capability_statement
from mappings.subscription import GUIDE, PROFILE, TOPICS

STATEMENT = json.loads(capability_statement("https://gateway.example"))
(SUBSCRIPTION,) = [one for one in STATEMENT["rest"][0]["resource"] if one["type"] == "Subscription"]


def test_topics_are_advertised_on_the_resource() -> None:
    canonical = f"{GUIDE}StructureDefinition/capabilitystatement-subscriptiontopic-canonical"

    assert SUBSCRIPTION["extension"] == [{"url": canonical, "valueCanonical": topic} for topic in TOPICS]


def test_the_servers_statement_and_the_profile_are_named() -> None:
    assert STATEMENT["instantiates"] == [f"{GUIDE}CapabilityStatement/backport-subscription-server-r4"]
    assert SUBSCRIPTION["supportedProfile"] == [PROFILE]


def test_interactions_parameters_and_operations_are_those_of_the_servers_statement() -> None:
    """All that it says SHALL or SHOULD be, but delete."""
    interactions = {one["code"] for one in SUBSCRIPTION["interaction"]}
    operations = {one["name"]: one["definition"] for one in SUBSCRIPTION["operation"]}

    assert interactions >= {"read", "create", "update", "search-type"}
    assert {one["name"]: one["type"] for one in SUBSCRIPTION["searchParam"]}.items() >= {
        ("url", "uri"),
        ("status", "token"),
    }
    for name in ("status", "events"):
        assert operations[name] == f"{GUIDE}OperationDefinition/backport-subscription-{name}"
