"""Style and script of the pages, each at an address that changes with its content: kept by browsers for a year."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

TYPES = {".svg": "image/svg+xml", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
FOLDER = Path(__file__).parent / "assets"


@dataclass(frozen=True, slots=True)
class Asset:
    media_type: str
    content: bytes
    gzipped: bytes
    version: str  # of the content


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    version = hashlib.sha256(content).hexdigest()[:16]
    return Asset(TYPES[path.suffix], content, gzip.compress(content, mtime=0), version)


ASSETS = {path.name: _read(path) for path in FOLDER.iterdir() if path.suffix in TYPES}


def asset(name: str) -> str:
    """The address of one, for a page. Raises KeyError when there is none of this name."""
    return f"/app/assets/{name}?v={ASSETS[name].version}"


async def send_asset(request: Request) -> Response:
    found = ASSETS.get(request.path_params["name"])
    if found is None:
        return Response("There is nothing of this name.", 404, media_type="text/plain")
    lasting = request.query_params.get("v") == found.version
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable" if lasting else "no-cache",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    if takes_gzip(request.headers.get("accept-encoding", "")):
        return Response(found.gzipped, headers=headers | {"Content-Encoding": "gzip"}, media_type=found.media_type)
    return Response(found.content, headers=headers, media_type=found.media_type)


def takes_gzip(accepted: str) -> bool:
    """Whether gzip is named (RFC 9110, section 12.5.3), and not with the weight 0, which forbids it."""
    for one in accepted.lower().split(","):
        coding, _, weight = one.replace(" ", "").partition(";q=")
        if coding == "gzip":
            return weight.strip("0.") != "" or not weight
    return False
