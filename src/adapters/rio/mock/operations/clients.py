"""Who a client is, and what is known of them elsewhere."""

from adapters.rio.mock.contract import Values
from adapters.rio.mock.operations.call import Call
from adapters.rio.mock.store import Row


def get_client(call: Call) -> Values:
    """By ClientID, or by NHS number, the superseding one too. Deleted, merged and sensitive records come flagged."""
    if "ClientID" in call.values:
        found = call.store.all("SELECT * FROM Client WHERE ClientID = ?", call.values["ClientID"])
    else:
        sql = "SELECT * FROM Client WHERE ? IN (NHSNumber, SupersedingNHSNumber) ORDER BY ClientID"
        found = call.store.all(sql, call.values["NHSNumber"])
    return {"Client": [_with_practice(client) for client in found]}


def _with_practice(client: Row) -> Values:
    practice = {"Code": client["GPCode"], "Name": client["GPName"]} if client["GPCode"] else None
    return client | {"GPPractice": practice}


def get_alerts(call: Call) -> Values:
    client = call.client(writes=False)
    return {"Alert": call.store.all("SELECT * FROM Alert WHERE ClientID = ? ORDER BY Since", client["ClientID"])}


def get_care_coordinator(call: Call) -> Values:
    client = call.client(writes=False)
    sql = (
        "SELECT HCP, Name, Team, Since FROM CareCoordinator JOIN HCP ON HCP.Code = HCP"
        " WHERE ClientID = ? ORDER BY Since DESC LIMIT 1"
    )
    return {"CareCoordinator": call.store.one(sql, client["ClientID"])}


def add_alternative_id(call: Call) -> Values:
    client = call.client(writes=True)
    sql = "INSERT INTO AlternativeId VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
    added = call.store.change(sql, client["ClientID"], call.values["System"], call.values["Value"], call.at)
    return {"Added": bool(added)}


def get_alternative_ids(call: Call) -> Values:
    client = call.client(writes=False)
    sql = "SELECT * FROM AlternativeId WHERE ClientID = ? ORDER BY AddedAt"
    return {"AlternativeId": call.store.all(sql, client["ClientID"])}
