"""An engineer's own receiver on this machine: it verifies what comes, and answers as it is told."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


@dataclass
class Receiver:
    """`answers` are the statuses of the next answers, after which it says 200; `hangs` seconds before each."""

    secret: str
    url: str = ""
    answers: list[int] = field(default_factory=list)
    hangs: float = 0
    got: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    forged: int = 0


@contextmanager
def receiving(secret: str) -> Iterator[Receiver]:
    receiver = Receiver(secret)

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                Webhook(receiver.secret).verify(body, headers)
            except Exception:
                receiver.forged += 1
            receiver.got.append(("PUT", self.path, headers, body))
            time.sleep(receiver.hangs)
            self._answer(receiver.answers.pop(0) if receiver.answers else 200)

        def do_GET(self) -> None:
            receiver.got.append(("GET", self.path, dict(self.headers.items()), b""))
            self._answer(404)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/plain")
            if 300 <= status < 400:
                self.send_header("Location", f"{receiver.url}/elsewhere")
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"said")

        def log_message(self, *_: Any) -> None:
            """Not here."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
