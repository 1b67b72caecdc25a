"""The little Markdown that the contract's texts have, as HTML: paragraphs, lists, **bold**, `code`, links."""

import re

from markupsafe import Markup, escape

PAGES = ("https://hl7.org/", "https://cds-hooks.hl7.org/")  # other addresses in the texts are names, not pages
MARKED = re.compile(r"`(?P<code>[^`]+)`|\*\*(?P<bold>[^*]+)\*\*|(?P<link>https://[^\s)<>]+[^\s)<>.,;:])")


def in_html(text: str) -> Markup:
    """A text of several paragraphs; an item of a list may go on in lines that are indented."""
    blocks = (block.split("\n") for block in text.strip().split("\n\n"))
    return Markup("\n").join(_block(lines) for lines in blocks)


def _block(lines: list[str]) -> Markup:
    if first := next((at for at, line in enumerate(lines) if line.startswith("- ")), None):
        return _block(lines[:first]) + _block(lines[first:])
    if first is None:
        return Markup("<p>{}</p>").format(in_line(" ".join(lines)))
    items = "\n".join(lines).removeprefix("- ").split("\n- ")
    return Markup('<ul class="nhsuk-list nhsuk-list--bullet">{}</ul>').format(
        Markup("").join(Markup("<li>{}</li>").format(in_line(" ".join(item.split()))) for item in items)
    )


def in_line(text: str) -> Markup:
    made, at = Markup(""), 0
    for found in MARKED.finditer(text):
        made += escape(text[at : found.start()]) + _marked(found)
        at = found.end()
    return made + escape(text[at:])


def _marked(found: re.Match[str]) -> Markup:
    if code := found["code"]:
        return Markup("<code>{}</code>").format(code)
    if bold := found["bold"]:
        return Markup("<strong>{}</strong>").format(in_line(bold))
    if found["link"].startswith(PAGES):
        return Markup('<a href="{0}">{0}</a>').format(found["link"])
    return Markup("<code>{}</code>").format(found["link"])


def breaking(path: str) -> Markup:
    """An address that may go on in another line after each slash."""
    return Markup("/<wbr>").join(path.split("/"))
