"""The fenced blocks of the documents: what a reader would type, send or configure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("docs", "src", "tests", "bench", "crash", "pacts", "openapi")  # heads in tools stand in docs, too
RUN = {"sh", "python", "sql"}
READ = {"json", "yaml"}
SHOWN = {"text"}  # an output, or a drawing

FENCE = re.compile(r"^( *)```([^\n`]*)$")
MARK = re.compile(r"^ *<!-- (not run|left running): (.+?) -->$")


@dataclass(frozen=True)
class Block:
    document: str  # from the root
    line: int  # of its fence, from 1
    language: str
    text: str
    mark: str | None = None  # "not run" or "left running"
    because: str = ""  # why it is not run; the address that answers once what is left running has come up
    follows: int | None = None  # of a text: the line of the block whose output it is

    @property
    def place(self) -> str:
        return f"{self.document}:{self.line}"


def documents() -> list[str]:
    """All Markdown of the project, from its root."""
    found = [*ROOT.glob("*.md"), *(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.md"))]
    return sorted(str(file.relative_to(ROOT)) for file in found)


def blocks_of(document: str) -> list[Block]:
    return list(read_blocks((ROOT / document).read_text("utf-8"), document))


def read_blocks(markdown: str, document: str) -> Iterator[Block]:
    """The blocks in their order. A mark stands on the line before the fence; a text that no heading parts from a block
    that is run is its output. Raises ValueError for a fence that is not closed."""
    mark: tuple[str, str] | None = None
    ran: Block | None = None
    lines = enumerate(markdown.splitlines(), 1)
    for number, line in lines:
        if fence := FENCE.match(line):
            indent, language = len(fence[1]), fence[2].strip()
            inner = []
            for _, following in lines:
                if following.strip() == "```":
                    break
                inner.append(following[indent:])
            else:
                raise ValueError(f"{document}:{number}: this block is never closed")
            block = Block(document, number, language, "\n".join(inner) + "\n", *(mark or (None, "")))
            if language in SHOWN and ran:
                block = replace(block, follows=ran.line)
            ran = block if language in RUN else None
            yield block
        elif line.startswith("#"):
            ran = None
        if found := MARK.match(line):
            mark = found[1], found[2]
        elif line.strip():
            mark = None


def mistakes_of(block: Block) -> list[str]:
    """What keeps a block from being tried: each with what to do."""
    if block.language not in RUN | READ | SHOWN and block.mark != "not run":
        known = ", ".join(sorted(RUN | READ | SHOWN))
        return [
            f"{block.place}: nobody tries a block of {block.language or 'no language'}. Known are {known}; "
            "or write <!-- not run: why --> on the line before it"
        ]
    if block.mark and block.language in SHOWN:
        return [f"{block.place}: an output needs no mark; mark what it is the output of"]
    return []
