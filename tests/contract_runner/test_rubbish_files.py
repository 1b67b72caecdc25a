"""Suites, configurations and keys in which anything may stand: told in a sentence, soon, and with exit code 2."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from tests.contract_runner.test_targets import ONE
from typer.testing import CliRunner

from gateway.__main__ import app as command
from gateway.contract.asking import CouldNotRun
from gateway.contract.config import Config, ConfigError, read_config
from gateway.contract.listening import listening
from gateway.contract.suite import SuiteError, read_suite

BOMB = "".join(f"a{one}: &a{one} [{', '.join([f'*a{one - 1}'] * 9)}]\n" for one in range(1, 12))
YAMLS = {
    "an alias inside itself": ("headers: &a {X: *a}\n", "too large"),
    "aliases to aliases": (f"a0: &a0 [x]\n{BOMB}", "too large"),
    "aliases one in the other, without end": (
        "a: [&b0 [x]" + "".join(f", &b{one} [*b{one - 1}]" for one in range(1, 5_000)) + "]",
        "too large",
    ),
    "brackets without end": ("headers: " + "[" * 100_000, "no YAML"),
    "dashes without end": ("- " * 100_000, "no YAML"),
    "a number of 5,000 digits": ("patience: " + "1" * 5_000, "no YAML"),
    "more than is read": ("#" * 4_000_001, "too large"),
    "a tag of Python's": ("headers: !!python/object/apply:os.system [ls]", "no YAML"),
    "a day that is none": ("patience: 2024-13-45", "patience: Input should be a valid number|Field required"),
    "a key that is a list": ("? [a, b]\n: c", "no YAML"),
    "no text": ("\x00", "no YAML"),
}


@pytest.mark.parametrize("name", YAMLS)
def test_yaml_that_is_made_to_hang_or_to_burst(name: str, tmp_path: Path) -> None:
    content, told = YAMLS[name]
    file = tmp_path / "file.yaml"
    file.write_text(content)
    began = time.perf_counter()
    with pytest.raises(ConfigError, match=told):
        read_config(file)
    with pytest.raises(SuiteError, match=told):
        read_suite(file)
    assert time.perf_counter() - began < 60


def test_days_in_documents_are_text(tmp_path: Path) -> None:
    file = tmp_path / "suite.yaml"
    document = "documents:\n  one: { birthDate: 2024-02-29, at: 2024-02-29T10:00:00Z, other: !!timestamp 2024-13-45 }\n"
    file.write_text(ONE.replace("tests:\n", document + "tests:\n"))
    assert read_suite(file).documents["one"] == {
        "birthDate": "2024-02-29",
        "at": "2024-02-29T10:00:00Z",
        "other": "2024-13-45",
    }


SEND = "      - send: { path: metadata }"
EXPECT = "{ status: 200,"
MISTAKES = [
    (EXPECT, '{ text: ["("],', "line 13: tests.0.steps.0.expect.text.0: Value error, '\\(' is no regular expression"),
    (EXPECT, '{ header: { ETag: "[" },', "expect.header.ETag: .* is no regular expression"),
    (EXPECT, '{ sent_header: { ETag: "a{9999999999999}" },', "expect.sent_header.ETag: .* no regular expression"),
    (EXPECT, '{ header: { "E Tag": x },', "expect.header: .*'E Tag' is no name of a header"),
    (EXPECT, "{ same_body_as: nobody,", "GWY-01, step 1: `same_body_as`: no step before has kept .* 'nobody'"),
    (SEND, '      - await: { method: GET, path: "(" }', "await.path: .* is no regular expression"),
    (SEND, "      - await: { method: GET, path: x }", "GWY-01, step 1: `await`.* nobody listens"),
    (SEND, "      - absent: { method: GET, path: x }\n      - send: {}", "step 1: `await`, `absent`"),
    (SEND, "      - answer: [lost]\n      - send: {}", "step 1: `await`, `absent` and `answer`"),
    (SEND, "      - send: { at: gateway-fhir }", "`at: gateway-fhir`: there is no such address"),
    (SEND, '      - send: { headers: { "X Api": x } }', "headers: .*'X Api' is no name of a header"),
    (SEND, '      - send: { headers: { X-Api: "a\\nb" } }', "the value of X-Api has signs that no header may have"),
    (SEND, "      - send: { headers: { Content-Length: '3' } }", "Content-Length belongs to the connection"),
    (SEND, '      - send: { path: "Patient/é" }', "path: .* ASCII"),
    (SEND, "      - send: { change: { a: !!binary eHh4 } }", "change.a: .*expected what JSON can say"),
    (SEND, "      - send: { change: { a: .nan } }", "change.a: .*expected what JSON can say"),
    (SEND, "      - wait: 1", "expected `send` or `await` beside `expect`"),
    ("\"resourceType = 'CapabilityStatement'\"", '"' + "(" * 3_000 + '"', "no FHIRPath"),
]


@pytest.mark.parametrize(("change", "to", "told"), MISTAKES)
def test_a_suite_that_could_not_be_carried_out(change: str, to: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    assert change in ONE
    file.write_text(ONE.replace(change, to))
    with pytest.raises(SuiteError, match=told):
        read_suite(file)


def test_a_document_beside_a_suite_that_is_no_json(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text("[" * 100_000)
    file = tmp_path / "mine.yaml"
    file.write_text(ONE.replace("tests:\n", "documents: { one: one.json }\ntests:\n"))
    with pytest.raises(SuiteError, match=r"documents.one: .*one.json: expected JSON"):
        read_suite(file)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('headers: { "X Api Key": x }', "line 1: headers: .*'X Api Key' is no name of a header"),
        ('headers: { X-Api-Key: "a\\nword" }', "the value of X-Api-Key has signs that no header may have"),
        ("headers: { X-Api-Key: ' word' }", "the value of X-Api-Key has signs"),
        ("headers: { Transfer-Encoding: chunked }", "belongs to the connection"),
        ('clients: { epr: { token: "a word\\n" } }', "clients.epr.token: .*signs that no header may have"),
        ('keys_file: "a\\0b"', "there is no such file"),
        ("- 1", "the file: Input should be a valid dictionary"),
    ],
)
def test_a_configuration_that_could_not_be_used(content: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=told) as refused:
        read_config(file)
    assert "word" not in str(refused.value)


def jwk(key: Any, **more: Any) -> str:
    return json.dumps(key.as_dict(private=True) | {"kid": "1"} | more)


STRONG = ECKey.generate_key("P-384")
WEAK = "at least 2048 bits .* P-384"
NO_KEY = "expected a JSON Web Key"
KEYS = [
    (jwk(ECKey.generate_key("P-256")), WEAK),
    (jwk(OKPKey.generate_key("Ed25519")), WEAK),
    (jwk(OctKey.generate_key(256)), WEAK),
    (jwk(STRONG, crv="P-999"), NO_KEY),
    (jwk(STRONG, kty="XX"), NO_KEY),
    (jwk(STRONG, d="%%"), NO_KEY),
    (jwk(STRONG, kid=None), "kid"),
    (json.dumps(STRONG.as_dict(private=False) | {"kid": "1"}), "private half"),
    ('"secret"', NO_KEY),
    ("[]", NO_KEY),
    ("-----BEGIN PRIVATE KEY-----\nMIG2\n-----END PRIVATE KEY-----\n", "expected JSON.* private JSON Web Key"),
    ("{", "expected JSON"),
]


@pytest.mark.parametrize(
    ("content", "told"), KEYS, ids=map(str, range(len(KEYS)))
)  # a key in a name is another each time
def test_a_key_that_no_token_can_be_had_with(content: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text(content)
    (tmp_path / "config.yaml").write_text("clients: { epr: { client_id: me, key_file: key.json } }")
    with pytest.raises(ConfigError, match=told) as refused:
        read_config(tmp_path / "config.yaml")
    assert "key.json" in str(refused.value)


@pytest.mark.filterwarnings("ignore:Key size")
def test_a_short_rsa_key(tmp_path: Path) -> None:
    test_a_key_that_no_token_can_be_had_with(jwk(RSAKey.generate_key(1024)), WEAK, tmp_path)


@pytest.mark.parametrize("key", [STRONG, RSAKey.generate_key(2048)])
def test_keys_that_do(key: Any, tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text(jwk(key))
    (tmp_path / "config.yaml").write_text("clients: { epr: { client_id: me, key_file: key.json } }")
    assert read_config(tmp_path / "config.yaml").clients["epr"].client_id == "me"


@pytest.mark.parametrize("content", ['{"keys": []}', "[]", '{"keys": {}}', "keys: []", "{"])
def test_no_public_key(content: str, tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text(content)
    (tmp_path / "config.yaml").write_text("keys_file: keys.json")
    with pytest.raises(ConfigError, match="JWK Set with the public keys"):
        read_config(tmp_path / "config.yaml")


@pytest.mark.parametrize(
    "key", [STRONG.as_dict(private=False) | {"crv": "P-999", "kid": "1"}, ECKey.generate_key("P-256").as_dict(False), 5]
)
async def test_a_public_key_that_cannot_be_used(key: Any, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [key]}))
    with pytest.raises(CouldNotRun, match="keys"):
        async with listening("epr-sender", "127.0.0.1", 0, None, None, Config(keys_file=file)):
            pass


@pytest.mark.parametrize("listen", ["127.0.0.1:²", "127.0.0.1:", ":80", "127.0.0.1:70000", "127.0.0.1:1" + "0" * 5_000])
def test_no_port(listen: str) -> None:
    result = CliRunner().invoke(command, ["contract", "run", "--role", "epr-sender", "--listen", listen])
    assert result.exit_code == 2
    assert "expected host:port" in result.output
