"""An expression of a field map in words that somebody reads who does not read FHIRPath."""

import re

from mappings.fhirpath import TOKEN

ROOTS = {
    "ServiceRequest": "Referral request",
    "PractitionerRole": "Referrer's role",
    "Practitioner": "Referrer",
    "Organization": "Referrer's organisation",
    "%performer": "the hub or service that was asked",
    "%practice": "the GP practice that was sent along",
    "%supporting": "the supporting information",
    "%reasons": "the conditions and observations given as reasons",
    "%decision": "what the consents say together",
    "%form": "the answers to the referral form",
    "%documents": "everything else that was sent along",
    "%references": "what is named but was not sent",
    "%route": "the door it came through",
}
CONSTANTS = {"%nhsNumber": "the NHS number", "%odsCode": "an ODS code"}
SHOUTED = {"nhs", "gp", "ods", "id", "bars"}
TYPES = {"dateTime": "date", "boolean": "yes or no", "string": "text"}


def in_words(expression: str) -> str:
    """E.g. "Patient.name.where(use = 'official').family" -> "Patient → name (where use is official) → family"."""
    words = _Reader(expression).either()
    return words[:1].upper() + words[1:]


def spoken(name: str) -> str:
    """generalPractitioner -> general practitioner; nhs_number -> NHS number."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name).replace("_", " ").replace("-", " ")
    words = [word.upper() if word.lower() in SHOUTED else word.lower() for word in apart.split()]
    return " ".join(words)


class _Reader:
    """Goes along the tokens of an expression that compiles."""

    def __init__(self, expression: str) -> None:
        self.tokens: list[str] = [token.group(1) for token in TOKEN.finditer(expression)]
        self.at = 0

    def peek(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else ""

    def take(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1]

    def either(self) -> str:
        words = self.path()
        while self.peek() in ("or", "and", "=", "!="):
            sign = self.take()
            words += {"=": " is ", "!=": " is not ", "or": " or ", "and": " and "}[sign] + self.path()
        return words

    def path(self) -> str:
        first = self.take()
        if first == "(":
            words = f"({self.either()})"
            self.take()
        elif first[0] == "'":
            words = first[1:-1].replace("\\'", "'")
        elif first == "$this":
            words = "the item itself"
        elif first[0] == "%" or first[0].isupper():
            words = ROOTS.get(first) or CONSTANTS.get(first) or first
        else:
            words = self.step(first, "")
        while self.peek() in (".", "["):
            if self.take() == "[":
                words += f", number {int(self.take()) + 1}"
                self.take()
            else:
                words = self.step(self.take(), words)
        return words

    def step(self, name: str, before: str) -> str:
        if self.peek() != "(":
            return f"{before} → {spoken(name)}" if before else spoken(name)
        self.take()
        words = self.function(name, before)
        self.take()
        return words

    def function(self, name: str, before: str) -> str:
        match name:
            case "where":
                return f"{before} (where {self.either()})".strip()
            case "exists":
                return f"{before} is given"
            case "not":
                return _denied(before)
            case "first":
                return f"{before}, the first"
            case "matches":
                return f"{before} is that of {self.either()}"
            case "ofType":
                type_ = self.take()
                return f"{before} ({TYPES.get(type_, type_)})"
        # extension('url'): its last part says what it is
        url = self.take().strip("'")
        last = re.split(r"[:/]", url)[-1].removeprefix("Extension-UKCore-")
        words = f"extension “{spoken(last)}”"
        return f"{before} → {words}" if before else words


def _denied(words: str) -> str:
    for is_so, is_not in ((" is given", " is not given"), (" is that of ", " is not that of ")):
        if is_so in words:
            head, _, tail = words.rpartition(is_so)
            return f"{head}{is_not}{tail}"
    return f"not ({words})"
