"""The links of the documents: those that lead to a file or a heading of this project must find it."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.guides.blocks import ROOT

LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
WRITTEN = re.compile(r'^<a id="([\w-]+)"></a>$', re.MULTILINE)
FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)


def lost_links(document: str) -> Iterator[str]:
    """Each link that leads nowhere, with its document."""
    here = ROOT / document
    text = FENCED.sub("", here.read_text("utf-8"))
    for link in LINK.findall(text):
        path, _, anchor = link.partition("#")
        if ":" in path:
            continue
        there = (here.parent / path).resolve() if path else here
        if not there.exists():
            yield f"{document}: there is no {path}"
        elif anchor and anchor not in anchors(there):
            yield f"{document}: {path} has no heading #{anchor}"


def anchors(document: Path) -> set[str]:
    """As GitHub makes them of headings; and those that are written out."""
    text = FENCED.sub("", document.read_text("utf-8"))
    return set(WRITTEN.findall(text)) | {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)
    }
