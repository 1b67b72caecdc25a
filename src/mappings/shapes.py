"""What the files of a folder of maps may hold; a key that is not known is a misspelt one."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Word = Annotated[str, StringConstraints(min_length=1)]
Equivalence = Literal[  # FHIR R4, concept-map-equivalence
    "relatedto", "equivalent", "equal", "wider", "subsumes", "narrower", "specializes", "inexact", "unmatched",
    "disjoint",
]  # fmt: skip


class Shape(BaseModel):
    """What may be left out has a default here, and is never null: FHIR knows no null."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Published(BaseModel):
    """A FHIR resource; of the elements that are not used here R4 says what they may hold."""

    model_config = ConfigDict(extra="allow", strict=True)

    url: Word
    version: Word
    title: str = ""
    description: str = ""


class Target(Shape):
    code: Word = ""
    display: str = ""
    equivalence: Equivalence
    comment: str = ""

    @model_validator(mode="after")
    def _says_what_it_shows(self) -> "Target":
        if self.code and "display" not in self.model_fields_set:
            raise ValueError("a target with a code has a display, too")
        return self


class Element(Shape):
    code: Word
    display: str = ""
    target: Annotated[list[Target], Field(min_length=1)]


class Group(Shape):
    source: Word
    target: Word
    element: list[Element]


class ConceptMapFile(Published):
    resourceType: Literal["ConceptMap"]  # noqa: N815 - FHIR's name
    group: Annotated[list[Group], Field(min_length=1)]


class Property(BaseModel):
    code: Word
    valueString: str  # noqa: N815 - FHIR's name


class Concept(BaseModel):
    code: Word
    display: str = ""
    definition: str = ""
    property: list[Property] = []


class CodeSystemFile(Published):
    resourceType: Literal["CodeSystem"]  # noqa: N815 - FHIR's name
    concept: list[Concept]


class FieldRow(Shape):
    """See `mappings.fields`."""

    id: Word
    target: Word
    source: Annotated[list[Word], Field(min_length=1)]
    note: Word
    take: Literal["first", "all", "joined"] = "first"
    each: list["FieldRow"] = []
    convert: Word = ""
    show: Literal["code", "display"] = "code"
    order_by: Word = ""
    value: Any = None
    first: dict[str, Any] = {}
    required: bool = False
    default: Any = None
    unless: Word = ""


class FieldsFile(Shape):
    name: Word
    version: Word
    title: Word
    description: str = ""
    rows: Annotated[list[FieldRow], Field(min_length=1)]


class DialectRow(FieldRow):
    before: Word = ""
    replaces: Word = ""

    @model_validator(mode="after")
    def _has_a_place(self) -> "DialectRow":
        if bool(self.before) == bool(self.replaces):
            raise ValueError("a dialect's row says `before` or `replaces`: the id of a row of referral.fields.json")
        return self


class DialectCodes(Shape):
    map: Word
    source: Word
    element: Annotated[list[Element], Field(min_length=1)]


class DialectFile(Shape):
    """See `mappings.dialect`."""

    name: Annotated[str, StringConstraints(pattern="^[a-z][a-z0-9-]*$")]
    version: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")]
    title: Word
    description: str = ""
    codes: list[DialectCodes] = []
    rows: list[DialectRow] = []
