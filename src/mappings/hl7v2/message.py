"""Reads an HL7 v2 message in ER7 ("pipes and hats"), and says what in it cannot be read. Pure.

Only here is python-hl7 used (the extra `hl7v2`). It splits; the rest is done here, because the library (0.4.5) takes
15 s and 450 MB for a megabyte of separators, raises IndexError and AssertionError for broken headers, and its
`unescape` logs the field's text and repeats a blank as often as a stranger says. Source: HL7 v2.4, chapter 2.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import hl7

MOST_SEPARATORS = 20_000  # a message of a trust has hundreds; so many are split in a third of a second
CHARSETS = {  # MSH-18, table 0211: what is taken, and by which codec
    "": "utf-8",  # the standard says ASCII, which is UTF-8; senders that say nothing send either
    "ASCII": "ascii",
    "8859/1": "iso-8859-1",
    "8859/15": "iso-8859-15",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
}
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
NULL = '""'  # "delete what you have" (2.6); an empty field says nothing
ESCAPE = re.compile(r"\\(?:([FSTRE])|X((?:[0-9A-Fa-f]{2}){1,64})|\.(br|sp|ce|fi|nf|in|ti|sk)([+-]?\d{0,3})|([HN]))\\")


class Unreadable(Exception):
    """The message, or its header, cannot be read. `segment` and `field` say where, `code` is of table 0357."""

    def __init__(self, text: str, field: int = 0, code: str = "102") -> None:
        super().__init__(text)
        self.field = field
        self.code = code


@dataclass(frozen=True, slots=True)
class Header:
    """The MSH segment, as far as it could be read."""

    sending_application: str = ""
    sending_facility: str = ""
    receiving_application: str = ""
    receiving_facility: str = ""
    type: str = ""  # ADT
    event: str = ""  # A31
    control_id: str = ""
    processing_id: str = ""
    version: str = ""
    charset: str = ""  # MSH-18, first repetition

    @property
    def name(self) -> str:
        """ADT^A31"""
        return f"{self.type}^{self.event}"


@dataclass(frozen=True)
class Field:
    """One repetition of a field. Components and subcomponents count from 1, as in the standard."""

    _parts: list[list[str]]
    _separators: str

    def text(self, component: int = 1, sub: int = 1) -> str:
        """The value without escapes and blanks around; "" when it is empty, absent or null."""
        value = self._raw(component, sub)
        return "" if value == NULL else unescape(value, self._separators).strip()

    def texts(self) -> list[str]:
        """All components that say something."""
        return [text for number in range(1, len(self._parts) + 1) if (text := self.text(number))]

    @property
    def is_null(self) -> bool:
        return self._raw(1, 1) == NULL

    @property
    def is_empty(self) -> bool:
        return not any(any(part) for part in self._parts)

    def _raw(self, component: int, sub: int) -> str:
        try:
            return self._parts[component - 1][sub - 1]
        except IndexError:
            return ""


class Segment:
    def __init__(self, segment: Any, separators: str) -> None:
        self._segment = segment
        self._separators = separators

    @property
    def name(self) -> str:
        return str(self._segment[0])

    def fields(self, number: int) -> list[Field]:
        """The repetitions of a field that are not empty."""
        try:
            found = self._segment[number]
        except IndexError:
            return []
        # What holds no separator is no container but text, at whichever level.
        read = [Field([_texts(part) for part in _list(one)], self._separators) for one in _list(found)]
        return [one for one in read if not one.is_empty]

    def field(self, number: int) -> Field:
        return next(iter(self.fields(number)), Field([], self._separators))

    def text(self, number: int, component: int = 1, sub: int = 1) -> str:
        return self.field(number).text(component, sub)


class Message:
    """A message whose header can be read; what is in it was not judged."""

    def __init__(self, header: Header, parsed: Any) -> None:
        self.header = header
        self._parsed = parsed

    @cached_property
    def all(self) -> list[Segment]:
        separators = "".join(self._parsed.separators[1:]) + self._parsed.esc
        return [Segment(one, separators) for one in self._parsed if str(one[0])]

    def segments(self, name: str) -> list[Segment]:
        return [one for one in self.all if one.name == name]

    def segment(self, name: str) -> Segment | None:
        return next(iter(self.segments(name)), None)


def read_header(block: bytes) -> Header:
    """As much of the header as there is, of whatever this is: to answer by. Never raises."""
    line = block.lstrip()[:4096].decode("latin-1").splitlines()[:1]
    if not line or not line[0].startswith("MSH") or len(line[0]) < 5:
        return Header()
    separator = line[0][3]
    fields = line[0].split(separator)
    component = fields[1][:1] or "^"

    def first(number: int, part: int = 0) -> str:
        parts = fields[number - 1].split("~")[0].split(component) if number <= len(fields) else []
        value = parts[part].strip() if part < len(parts) else ""
        return value[:199] if value.isprintable() and value != NULL else ""

    return Header(
        first(3), first(4), first(5), first(6), first(9), first(9, 1), first(10), first(11), first(12), first(18)
    )


def read(block: bytes) -> Message:
    """The message in an MLLP block. Raises Unreadable."""
    header = read_header(block)
    text = _decode(block, header)
    if not re.match(r"MSH([^\w\s])((?!\1)[^\w\s]){3,4}\1", text):
        raise Unreadable("The message must begin with MSH, a field separator and the encoding characters.", 1)
    if len(set(text[3 : text.index(text[3], 4)])) != len(text[3 : text.index(text[3], 4)]):
        raise Unreadable("MSH-2: each separator must be another character.", 2)
    if sum(text.count(one) for one in {*text[3:8], "\r"} - {"\\"}) > MOST_SEPARATORS:
        raise Unreadable(f"The message has more than {MOST_SEPARATORS:,} separators. Send less in one message.", 0)
    if "\rMSH" in text:
        raise Unreadable("One block holds several messages. Send each in a block of its own.", 0, "100")
    if CONTROLS.search(text):
        raise Unreadable("The message holds control characters, which are no text.", 0)
    if not header.control_id:
        raise Unreadable("MSH-10: give each message an id of its own, of printable characters.", 10, "101")
    return Message(header, hl7.parse(text))


def _decode(block: bytes, header: Header) -> str:
    codec = CHARSETS.get(header.charset.upper())
    if codec is None:
        known = ", ".join(name for name in CHARSETS if name)
        raise Unreadable(f"MSH-18: this character set is not taken. Send one of {known}.", 18, "103")
    try:
        text = block.decode(codec).lstrip("\ufeff \r\n").rstrip()
    except UnicodeDecodeError:
        raise Unreadable("MSH-18: the bytes are not of the character set that is named, or of UTF-8.", 18) from None
    # Segments end with a carriage return (2.6); many send a line feed, or both.
    return text.replace("\r\n", "\r").replace("\n", "\r")


def unescape(value: str, separators: str = "|~^&\\") -> str:
    """Escape sequences as what they mean (2.10); unknown ones stay as they are. `separators` are those of the message:
    field, repetition, component, subcomponent, escape."""
    escape = separators[4:5] or "\\"
    if escape not in value:
        return value
    meant = dict(zip("FRSTE", separators, strict=False))

    def replace(found: re.Match[str]) -> str:
        plain, hexadecimal, format_, _count, highlight = found.groups()
        if plain:
            return meant[plain]
        if hexadecimal:
            return CONTROLS.sub("", bytes.fromhex(hexadecimal).decode("utf-8", "replace"))
        if highlight:
            return ""
        return "\n" if format_ in {"br", "sp", "ce"} else " "

    return ESCAPE.sub(replace, value.replace(escape, "\\") if escape != "\\" else value)


def escape(text: str) -> str:
    """The text as a value of a message with the usual separators; line ends become blanks."""
    plain = " ".join(text.split())
    return "".join({"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "~": "\\R\\", "&": "\\T\\"}.get(c, c) for c in plain)


def _list(value: Any) -> list[Any]:
    return [value] if isinstance(value, str) else list(value)


def _texts(part: Any) -> list[str]:
    return [str(one) for one in _list(part)]
