"""The scenarios of the sandbox, read from scenarios.yaml: whose NHS number decides what happens."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from gateway.changes import (
    Change,
    ContactMade,
    MeasureTaken,
    Move,
    OfPrescription,
    PrescriptionIssued,
    PrescriptionMove,
    Recorded,
    SessionHeld,
)
from gateway.errors import NotFound
from gateway.sandbox.durations import read_duration
from mappings.referral import Standing

Json = dict[str, Any]
Deed = Literal["move", "contact", "prescription", "prescription-move", "session", "measure"]

SHAPES: Mapping[str, type[Recorded]] = {
    "move": Move,
    "contact": ContactMade,
    "prescription": PrescriptionIssued,
    "prescription-move": PrescriptionMove,
    "session": SessionHeld,
    "measure": MeasureTaken,
}


class _Read(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Step(_Read):
    """What the hub does, so long after the step before."""

    after: Annotated[timedelta, BeforeValidator(read_duration)]
    do: Deed
    body: Json

    @model_validator(mode="after")
    def _fits(self) -> Self:
        SHAPES[self.do].model_validate({name: value for name, value in self.body.items() if name != "review_date"})
        return self

    def change(self, standing: Standing, at: datetime) -> Change:
        """The change that the step makes of a referral at this moment. Raises NotFound for a step of a prescription
        when there is none."""
        body = dict(self.body)
        if isinstance(until := body.get("review_date"), str) and until.startswith("P"):
            body["review_date"] = (at + read_duration(until)).date()
        change = SHAPES[self.do].model_validate(body)
        if isinstance(change, PrescriptionMove | SessionHeld):
            if not standing.prescriptions:
                raise NotFound("This referral has no prescription.")
            return OfPrescription(standing.prescriptions[-1].id, change)
        assert isinstance(change, Move | ContactMade | PrescriptionIssued | MeasureTaken)
        return change


class PushAnswer(_Read):
    """What the sandbox's own receiver answers to an update."""

    status: Annotated[int, Field(ge=400, le=599)]
    text: str


class PersonName(_Read):
    family: str
    given: list[str]


class Scenario(_Read):
    """One line of scenarios.yaml, where each field is explained."""

    key: str
    number: Annotated[str, Field(pattern=r"^999\d{7}$")]
    name: PersonName
    title: str
    tells: str
    rules: list[str]
    person: Json = {}
    consent: Json = {}
    identifier: str | None = None
    before: Json | None = None
    steps: list[Step] = []
    answer_after: float = 0
    pushes: PushAnswer | None = None


@lru_cache
def scenarios() -> Mapping[str, Scenario]:
    """NHS number -> scenario, in the order of the file."""
    read = yaml.safe_load(files("gateway.sandbox").joinpath("scenarios.yaml").read_text("utf-8"))
    return {one.number: one for one in map(Scenario.model_validate, read)}
