"""/app/assets: what pages are drawn with, from this server alone, and sent once."""

import re
from pathlib import Path

import pytest
from tests.seen.conftest import Seen

from gateway.web import page
from gateway.web.assets import ASSETS, FOLDER, asset


@pytest.mark.parametrize("name", sorted(ASSETS))
async def test_each_is_sent_zipped_and_kept_for_as_long_as_it_is_the_same(seen: Seen, name: str) -> None:
    whole = await seen.running.http.get(asset(name), headers={"Accept-Encoding": "identity"})
    zipped = await seen.running.http.get(asset(name), headers={"Accept-Encoding": "br, gzip;q=0.8"})
    refused = await seen.running.http.get(asset(name), headers={"Accept-Encoding": "gzip;q=0"})

    assert whole.content == zipped.content == (FOLDER / name).read_bytes()
    assert zipped.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in whole.headers
    assert "content-encoding" not in refused.headers
    for answer in (whole, zipped):
        assert answer.headers["content-type"] in {
            "text/css; charset=utf-8",
            "text/javascript; charset=utf-8",
            "image/svg+xml",
        }
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["vary"] == "Accept-Encoding"


async def test_an_older_address_is_not_kept(seen: Seen) -> None:
    answer = await seen.running.http.get("/app/assets/nhsuk.css?v=of-yesterday")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")


@pytest.mark.parametrize(
    "name", ["nothing.css", "README.md", "nhsuk.scss", "..%2Fpage.py", "%2e%2e%2fpage.py", "licences"]
)
async def test_nothing_else_is_sent(seen: Seen, name: str) -> None:
    assert (await seen.running.http.get(f"/app/assets/{name}")).status_code == 404


def test_no_asset_fetches_from_another_host() -> None:
    for name in ASSETS:
        text = (FOLDER / name).read_text()
        assert not re.search(r"url\(['\"]?(https?:)?//|@import|import\s*\(?['\"]https?:|fetch\(['\"]https?:", text), (
            name
        )


def test_each_class_of_a_page_has_a_rule() -> None:
    """nhsuk.css has only a part of NHS.UK frontend: a page must not use what was left out."""
    rules = (FOLDER / "nhsuk.css").read_text() + (FOLDER / "app.css").read_text()
    known = set(re.findall(r"\.((?:nhsuk|app)-[\w-]+)", rules))
    bare = {"nhsuk-header__account-form"}  # in the markup of NHS.UK frontend too it is there without a rule
    for template in sorted(Path(page.__file__).parent.glob("templates/**/*.html")):
        used = set(
            re.findall(
                r"(?<![\w/\"=-])(?:nhsuk|app)-[a-z][\w-]*[a-z0-9](?![\w-]*\.)",
                re.sub(r'(id|data-module|for|href)="[^"]*"', "", template.read_text()).replace('"', " "),
            )
        )
        assert used - bare <= known, template.name


def test_only_named_origins_may_frame_a_page() -> None:
    origins = ["https://epr.northdale.example", "https://rio.example:8443"]
    framed = page.show("refused.html", 403, framed_by=origins, text="No.")
    alone = page.show("refused.html", 403, text="No.")

    assert framed.headers["content-security-policy"].endswith("frame-ancestors " + " ".join(origins))
    assert alone.headers["content-security-policy"].endswith("frame-ancestors 'none'")
    assert "x-frame-options" not in framed.headers
