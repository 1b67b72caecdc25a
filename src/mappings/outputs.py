"""Task.output: what comes back to the referrer, the actions asked of them first.

PRSB: requested actions stand at the top, and are said to be none rather than left blank. Each output has a code of
our own (`task-output`), words that can be read without it, and an id that stays the same from version to version.
"""

from collections.abc import Iterator
from typing import Any

from mappings.clinician import attended, scores, uk_date
from mappings.systems import UCUM
from mappings.translate import code_map, vocabulary

Json = dict[str, Any]


def outputs(standing: Json) -> list[Json]:
    """The outputs for a Standing, in the order they should be read."""
    prescriptions = [one for one in standing.get("prescriptions") or [] if one["status"] != "entered-in-error"]
    return [
        *_closing(standing),
        *(output for prescription in prescriptions for output in _prescription(prescription)),
        *_measures(standing),
    ]


def is_ours(output: Json) -> bool:
    """Whether the gateway wrote this output; the sender may have others."""
    ours = vocabulary("task-output").url
    return any(coding.get("system") == ours for coding in output["type"].get("coding", []))


def _closing(standing: Json) -> Iterator[Json]:
    if closure := standing.get("closure"):
        yield _output("actions-for-referrer", valueString=closure["actions_for_referrer"])
        yield _output("closing-summary", valueString=closure["summary"])
    if standing["status"] == "not-accepted" and standing.get("alternative"):
        yield _output("what-to-do-instead", valueString=standing["alternative"])


def _prescription(prescription: Json) -> Iterator[Json]:
    """The prescription with its status and why, then the sessions attended; of those planned, while that is no more."""
    status, category = vocabulary("prescription-status"), vocabulary("prescription-category")
    categories = ", ".join(category.display(code) for code in prescription["categories"])
    where = f"{prescription['service']}, {prescription['provider']}"
    known = status.target(prescription["status"])
    value: Json = {"coding": [known.coding()]} if known else {}
    reason = f" ({prescription['status_reason']})" if prescription.get("status_reason") else ""
    value["text"] = f"{where}: {status.display(prescription['status']).lower()}{reason}"
    yield {
        "id": prescription["id"],
        **_output("social-prescription", f"Social prescription: {categories}", valueCodeableConcept=value),
    }
    came, planned = attended(prescription), prescription.get("planned_sessions")
    count = _quantity(came, "session")
    if planned and came <= planned:
        amount: Json = {"valueRatio": {"numerator": count, "denominator": _quantity(planned, "session")}}
    elif prescription.get("sessions"):
        amount = {"valueQuantity": count}
    else:
        return
    yield {
        "id": f"{prescription['id']}-sessions",
        **_output("sessions-attended", f"Sessions attended: {where}", **amount),
    }


def _measures(standing: Json) -> Iterator[Json]:
    stages = vocabulary("measure-stage")
    for results in scores(standing):
        for result in results[:1] if results[0] is results[1] else results:
            tool = vocabulary("measure-tool").display(result["tool"])
            text = f"{tool}, {stages.display(result['stage']).lower()} ({uk_date(result['at'])})"
            output = _output("measure", text, valueQuantity=_quantity(result["score"], "score"))
            output["type"]["coding"] += _tool(result["tool"])
            yield output


def _tool(tool: str) -> list[Json]:
    ours, snomed = vocabulary("measure-tool").target(tool), code_map("measure-tool").translate(tool)
    return [target.coding() for target in (ours, snomed) if target]


def _output(code: str, text: str | None = None, **value: Any) -> Json:
    kind = vocabulary("task-output").target(code)
    assert kind is not None  # the codes above are all in the vocabulary
    return {"type": {"coding": [kind.coding()], "text": text or kind.display}, **value}


def _quantity(value: float, unit: str) -> Json:
    return {"value": value, "unit": unit, "system": UCUM, "code": f"{{{unit}}}"}
