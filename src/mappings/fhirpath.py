"""A small, fast subset of FHIRPath: what the field maps need, compiled once to plain functions.

Understood: `Type.member` and `%name.member` as the start, `a.b.c` with flattening, `[0]`, `first()`, `where(...)`,
`exists()`, `not()`, `matches('...')`, `extension('url')`, `ofType(Type)`, `$this`, `= != and or ( )`,
strings, `true` and `false`, and choice elements by their FHIRPath name (`value`, `deceased`).
Everything else is refused when the map is read. Source: FHIRPath N1 and R4 fhirpath.html; 2-10 us an expression.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mappings import steps
from mappings.steps import Literal, Part, Step, exists, negation

CHOICES = frozenset({"value", "deceased", "occurrence", "onset", "effective", "multipleBirth"})
MOST_TOKENS = 200  # so that no nesting is too deep to be read
TOKEN = re.compile(r"\s*('(?:[^'\\]|\\.)*'|[%$]?[A-Za-z][\w-]*|\d+|!=|[.()\[\]=])\s*")


@dataclass(frozen=True, slots=True)
class Expression:
    """`run` works on the resources found under `root`: a resource type, a %name, or "" for the item at hand."""

    text: str
    root: str
    run: Step


def compile_expression(text: str, constants: Mapping[str, str] | None = None) -> Expression:
    """Reads one expression; `constants` are the values of %names that are not resources.

    Raises ValueError, naming the place, for anything outside the subset.
    """
    return _Parser(text, constants or {}).read()


class _Parser:
    """Recursive descent: `or` over `and` over `=` over paths."""

    def __init__(self, text: str, constants: Mapping[str, str]) -> None:
        self.text, self.constants, self.at = text, constants, 0
        self.tokens: list[str] = []
        end = 0
        while end < len(text):
            token = TOKEN.match(text, end)
            if not token:
                raise ValueError(f"FHIRPath holds a sign that is not understood at {text[end:]!r} in {text!r}.")
            self.tokens.append(token.group(1))
            end = token.end()
        if len(self.tokens) > MOST_TOKENS:
            raise ValueError(f"FHIRPath has {len(self.tokens):,} parts; {MOST_TOKENS} at most.")

    def read(self) -> Expression:
        root = self.peek()
        if root[:1].isupper() or (root.startswith("%") and root[1:] not in self.constants):
            self.take()
            run = steps.chain(self.path([]))
        else:
            root, run = "", self.either()
        if self.peek():
            raise self.error("does not end")
        return Expression(self.text, root, run)

    def error(self, problem: str) -> ValueError:
        return ValueError(f"FHIRPath {problem} at {' '.join(self.tokens[self.at :])!r} in {self.text!r}.")

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if not token or (wanted and token != wanted):
            raise self.error(f"needs {wanted or 'more'}")
        self.at += 1
        return token

    def either(self) -> Step:
        step = self.both()
        while self.peek() == "or":
            self.take()
            step = steps.either(step, self.both())
        return step

    def both(self) -> Step:
        step = self.equality()
        while self.peek() == "and":
            self.take()
            step = steps.both(step, self.equality())
        return step

    def equality(self) -> Step:
        left = self.path([self.term()])
        if self.peek() not in ("=", "!="):
            return steps.chain(left)
        same = self.take() == "="
        return steps.equal(left, self.path([self.term()]), same)

    def term(self) -> Part:
        first = self.take()
        if first == "(":
            step = self.either()
            self.take(")")
            return step
        if first in ("true", "false"):
            return Literal(first == "true")
        if first[0] in "'%":
            return Literal(self.string(first))
        return steps.chain([]) if first == "$this" else self.invocation(first)

    def path(self, parts: list[Part]) -> list[Part]:
        while self.peek() in (".", "["):
            if self.take() == "[":
                parts.append(steps.item(self.number()))
                self.take("]")
            else:
                parts.append(self.invocation(self.take()))
        return parts

    def invocation(self, name: str) -> Part:
        if not name[0].isalpha():
            raise self.error("needs a name")
        if self.peek() == "(":
            self.take()
            step = self.function(name)
            self.take(")")
            return step
        if name not in CHOICES:
            return name
        if self.tokens[self.at : self.at + 3] == [".", "ofType", "("]:
            self.at += 3
            type_ = self.take()
            self.take(")")
            return name + type_[0].upper() + type_[1:]
        return steps.choice(name)

    def function(self, name: str) -> Step:
        match name:
            case "where":
                return steps.where(self.either())
            case "extension":
                return steps.extension(self.string(self.take()))
            case "ofType":
                return steps.of_type(self.take())
            case "matches":
                return steps.matches(self.string(self.take()))
            case "first":
                return steps.item(0)
            case "exists":
                return exists
            case "not":
                return negation
        raise self.error(f"does not know {name}()")

    def number(self) -> int:
        if not self.peek().isdigit():
            raise self.error("needs a number")
        return int(self.take())

    def string(self, token: str) -> str:
        if token[0] == "%" and token[1:] in self.constants:
            return self.constants[token[1:]]
        if token[0] != "'":
            raise self.error("needs a text")
        return re.sub(r"\\(.)", r"\1", token[1:-1])
