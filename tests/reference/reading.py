"""A page as somebody reads it."""

from html.parser import HTMLParser


class Read(HTMLParser):
    """Ids, links, the text of each element that has an id, and all there is of script and style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.inline: list[str] = []
        self.text: dict[str, str] = {}
        self._open: list[tuple[str, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if id_ := given.get("id"):
            self.ids.append(id_)
            self.text[id_] = ""
        if (href := given.get("href")) and tag == "a":
            self.links.append(href)
        if tag == "style" or (tag == "script" and "src" not in given):
            self.inline.append(tag)
        self.inline += [name for name in given if name == "style" or name.startswith("on")]
        if tag not in {"meta", "link", "br", "wbr", "input", "img"}:
            self._open.append((tag, id_))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        for _, id_ in self._open:
            if id_:
                self.text[id_] += data
