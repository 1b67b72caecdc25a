"""What a page must never do, watched while a test goes on."""

from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Request, Response, WebError

HERE = {"127.0.0.1", "localhost"}


class Watch:
    """Collects, of all pages and frames of a context, errors of scripts, what the console tells as an error (what the
    policy forbade and what did not load among it), and requests to other hosts."""

    def __init__(self, context: BrowserContext) -> None:
        self.found: list[str] = []
        self._refused: set[str] = set()  # addresses of pages that are themselves a refusal
        context.on("console", self._hear)
        context.on("weberror", self._fail)
        context.on("request", self._follow)
        context.on("response", self._answer)

    def check(self) -> None:
        assert not self.found, "\n".join(self.found)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.location.get("url") in self._refused and message.text.startswith("Failed to load resource"):
            return
        if message.type == "error" or "Content Security Policy" in message.text:
            self.found.append(f"console: {message.text} ({message.location.get('url')})")

    def _fail(self, error: WebError) -> None:
        self.found.append(f"script: {error.error}")

    def _follow(self, request: Request) -> None:
        host = urlsplit(request.url).hostname
        if host and host not in HERE:
            self.found.append(f"another host: {request.url}")

    def _answer(self, response: Response) -> None:
        if response.status >= 400 and response.request.is_navigation_request():
            self._refused.add(response.url)
