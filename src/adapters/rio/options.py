"""What is registered for a destination of kind "rio", beside its address."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from adapters.tls import Tls
from mappings.to_rio import ENDINGS

Code = Annotated[str, Field(min_length=1, max_length=20, description="A code of the trust's own list in RiO.")]


def _are_endings(reasons: dict[str, str]) -> dict[str, str]:
    if unknown := sorted(reasons.keys() - ENDINGS):
        raise ValueError(f"{unknown[0][:40]} is no event that ends a referral; those are {', '.join(sorted(ENDINGS))}")
    return reasons


class Urgencies(BaseModel):
    """The codes of RiO's list Urgency, by ours."""

    model_config = ConfigDict(frozen=True)

    routine: Code
    soon: Code
    urgent: Code


class RioOptions(BaseModel):
    """How the gateway signs in, whom its ClientIDs name, and the codes of the trust's own lists that it writes with."""

    model_config = ConfigDict(frozen=True)

    platform_type: Annotated[str, Field(min_length=1)]
    system_name: Annotated[str, Field(min_length=1)]
    user_name: Annotated[str, Field(min_length=1)]
    password_file: Path  # holds it alone; read at each sign-in, so that a new one needs no restart
    client_id_system: Annotated[str, Field(min_length=1)]  # Identifier.system of the ClientIDs that the trust sends
    alternative_id_system: Annotated[str, Field(min_length=1)]  # under which RiO keeps the gateway's reference

    referral_source: Code
    referral_reason: Code
    service: Code | None = None
    team: Code
    urgencies: Urgencies
    note_type: Code
    document_type: Code
    # By event (closed-completed, not-accepted, withdrawn, entered-in-error ...): an entry whose end has no code here
    # is left for the trust's own staff to discharge.
    discharge_reasons: Annotated[dict[str, Code], AfterValidator(_are_endings)] = {}

    private: bool = False  # whether its address may be one of a private network (HSCN) or of this machine
    tls: Tls | None = None
