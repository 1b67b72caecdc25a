"""Documents: a serial number, and a revision for each time it was filed."""

from adapters.rio.mock.contract import Values
from adapters.rio.mock.operations.call import Call, Refused


def add_document(call: Call) -> Values:
    client = call.client(writes=True)
    call.check_code("Type", "DocumentType")
    content = call.values["Content"]
    if len(content) > call.most_in_document:
        text = f"Content holds at most {call.most_in_document} bytes before base64."
        raise Refused("DOCUMENT_TOO_LARGE", text, "Content")
    row = call.given("ClientID", "Type", "Author", "DocumentDate", "Final", "FileName")
    row |= {"Title": call.text("Title"), "Description": call.text("Description")}
    row |= {"Content": content, "FileSize": len(content), "EnteredAt": call.at}
    row["SerialNumber"], row["RevisionID"] = _place(call, client["ClientID"])
    call.store.insert("Document", row)
    return {"SerialNumber": row["SerialNumber"], "RevisionID": row["RevisionID"]}


def _place(call: Call, client_id: str) -> tuple[int, int]:
    serial = call.values.get("SerialNumber")
    if serial is None:
        last = call.store.one("SELECT max(SerialNumber) AS SerialNumber FROM Document") or {}
        return (last["SerialNumber"] or 0) + 1, 1
    sql = "SELECT max(RevisionID) AS RevisionID FROM Document WHERE SerialNumber = ? AND ClientID = ?"
    newest = call.store.one(sql, serial, client_id) or {}
    if newest["RevisionID"] is None:
        raise Refused("DOCUMENT_NOT_FOUND", "The client has no document of this SerialNumber.", "SerialNumber")
    return serial, newest["RevisionID"] + 1


def get_documents(call: Call) -> Values:
    client = call.client(writes=False)
    sql = "SELECT * FROM Document WHERE ClientID = ? ORDER BY SerialNumber, RevisionID"
    documents = call.store.all(sql, client["ClientID"])
    if not call.values.get("WithContent"):
        documents = [document | {"Content": None} for document in documents]
    return {"Document": documents}
