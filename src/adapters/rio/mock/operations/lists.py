"""The local lists, and who works here."""

from adapters.rio.mock.contract import Values
from adapters.rio.mock.operations.call import Call, Refused


def get_lookups(call: Call) -> Values:
    name = call.values["Name"]
    version = call.store.one("SELECT Version FROM LookupVersion WHERE Name = ?", name)
    if version is None:
        raise Refused("UNKNOWN_CODE", "Name must be one of the lists that the WSDL names.", "Name")
    return version | {"Entry": call.store.all("SELECT * FROM Lookup WHERE Name = ? ORDER BY Code", name)}


def get_teams(call: Call) -> Values:
    staff = call.store.all("SELECT * FROM HCP ORDER BY Code")
    teams = call.store.all("SELECT * FROM Team ORDER BY Code")
    return {"Team": [team | {"HCP": [one for one in staff if one["Team"] == team["Code"]]} for team in teams]}
