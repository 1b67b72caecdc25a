"""Access tokens: who holds one, until when, and what is not one."""

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from joserfc import jwt
from joserfc.jwk import OctKey

from gateway.errors import Unauthorised
from gateway.ids import now
from gateway.security import Caller, Gatekeeper, tokens
from gateway.security.secret_file import read_or_make, token_secret

CALLER = Caller("aldmoor-epr", "XAA01", "epr", frozenset({"system/Task.rs", "system/Patient.c"}))
PLATFORM = Caller("platform", "XBB01", "platform", frozenset({"platform/referrals.read"}), frozenset({"a", "b"}))


@pytest.mark.parametrize("caller", [CALLER, PLATFORM])
def test_a_token_brings_back_its_caller(gatekeeper: Gatekeeper, caller: Caller) -> None:
    token = gatekeeper.issue(caller)

    assert gatekeeper.caller(f"Bearer {token}") == caller
    assert gatekeeper.caller(f"bearer {token}") == caller


def test_processes_that_share_the_secret_know_each_others_tokens() -> None:
    secret = "one secret, two processes, forty letters"
    issued = Gatekeeper(secret, "https://gateway.example").issue(CALLER)

    assert Gatekeeper(secret, "https://gateway.example").caller(f"Bearer {issued}") == CALLER


def signed_with(secret: str, alg: str = "HS256", **claims: object) -> str:
    return jwt.encode({"alg": alg}, claims, OctKey.import_key(secret), algorithms=[alg])


def refusal(gatekeeper: Gatekeeper, authorization: str | None) -> Unauthorised:
    with pytest.raises(Unauthorised) as refused:
        gatekeeper.caller(authorization)
    return refused.value


def test_without_a_token_one_is_asked_for(gatekeeper: Gatekeeper) -> None:
    for nothing in (None, ""):
        error = refusal(gatekeeper, nothing)
        assert "/oauth2/token" in str(error)
        assert error.headers == {"WWW-Authenticate": 'Bearer realm="gateway"'}


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "token"])
def test_another_kind_of_authorization_is_told_the_right_one(gatekeeper: Gatekeeper, header: str) -> None:
    error = refusal(gatekeeper, header)

    assert "Bearer, a space, and a token" in str(error)
    assert 'error="invalid_token"' in error.headers["WWW-Authenticate"]


def test_what_is_not_our_token_is_refused(gatekeeper: Gatekeeper) -> None:
    ours = gatekeeper.issue(CALLER)
    head, claims, signature = ours.split(".")
    other_claims = gatekeeper.issue(PLATFORM).split(".")[1]
    for token in (
        "garbage",
        "a.b.c",
        "é",
        "..",
        f"{head}.{'W1tb' * 2000}.{signature}",
        f"{head}.{other_claims}.{signature}",
        f"{head}.{claims}.{signature[:-4]}AAAA",
        f"eyJhbGciOiJub25lIn0.{claims}.",  # alg none
        Gatekeeper("somebody else's secret, forty characters", gatekeeper.issuer).issue(CALLER),
        Gatekeeper("a secret of the tests, forty characters..", "https://elsewhere.example").issue(CALLER),
        signed_with("a secret of the tests, forty characters..", "HS512", iss=gatekeeper.issuer),
    ):
        assert "not one of ours" in str(refusal(gatekeeper, f"Bearer {token}"))


def test_a_token_ends_after_its_seconds_though_it_is_remembered(gatekeeper: Gatekeeper) -> None:
    start = now().replace(microsecond=0)
    with time_machine.travel(start, tick=False):
        header = f"Bearer {gatekeeper.issue(CALLER)}"
        assert gatekeeper.caller(header) == CALLER
    with time_machine.travel(start + timedelta(seconds=299), tick=False):
        assert gatekeeper.caller(header) == CALLER
    with time_machine.travel(start + timedelta(seconds=300), tick=False):
        assert "expired" in str(refusal(gatekeeper, header))


def test_a_signature_is_verified_once(gatekeeper: Gatekeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    header = f"Bearer {gatekeeper.issue(CALLER)}"
    gatekeeper.caller(header)
    monkeypatch.delattr(jwt, "decode")

    assert gatekeeper.caller(header) == CALLER


def test_it_does_not_remember_without_end(gatekeeper: Gatekeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST_REMEMBERED", 3)
    callers = [Caller(f"client-{number}", "XAA01", "epr", frozenset()) for number in range(10)]

    for caller in callers:
        assert gatekeeper.caller(f"Bearer {gatekeeper.issue(caller)}") == caller

    assert len(gatekeeper._known) <= 3


def test_the_secret_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "var" / "token-secret"

    with ThreadPoolExecutor(8) as processes:
        found = set(processes.map(lambda _: token_secret(path), range(32)))

    assert len(found) == 1
    assert found == {path.read_text()}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_who_comes_second_takes_the_secret_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "secret"

    def make() -> str:
        path.write_text("of the first")  # while the second one is still making its own
        return "of the second"

    assert read_or_make(path, make) == "of the first"


def test_a_secret_too_short_to_sign_with_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token-secret"
    path.write_text("secret\n")

    with pytest.raises(ValueError, match="at least 32"):
        token_secret(path)
