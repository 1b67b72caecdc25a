"""Bytes that are no FHIR JSON are refused with words that help; what is read is written back with all its digits."""

from decimal import Decimal

import pytest

from gateway.errors import Unreadable
from gateway.validation import dump, parse


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b" \n\t", "empty"),
        (b"{", "broken at line 1 column 1"),
        (b'{"resourceType": "Task",\n "status": }', "broken at line 2 column 12"),
        (b'{"resourceType": "Task",}', "broken at line 1"),
        (b'{"resourceType": "Task"} {}', "broken at line 1"),
        (b'{"value": NaN}', "broken"),
        (b'{"value": Infinity}', "broken"),
        (b'{"value": 01}', "broken"),
        (b'{"value": 1e99999999999999999999}', "broken"),
        (b'{"id": "a", "id": "b"}', "'id' stands twice"),
        (b'{"name": [{"family": "A", "family": "B"}]}', "'family' stands twice"),
        (b'{"' + b"k" * 500 + b'": 1, "' + b"k" * 500 + b'": 1}', "'" + "k" * 64 + "...'"),
        (b'{"name": "\xff\xfe"}', "not UTF-8: byte 10"),
        (b"null", "not an object"),
        (b"[]", "not an object"),
        (b'"Patient"', "not an object"),
        (b"[" * 10_000 + b"]" * 10_000, "too deep"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "too deep"),
        (b'{"family": "A\\u0000B"}', "control character"),
        (b'{"family": "A\\u001fB"}', "control character"),
        (b'{"A\\u0007": 1}', "control character"),
        (b'{"family": "A\x00B"}', "broken"),
        (b'{"family": "\\ud800"}', "half a surrogate pair"),
        (b'{"family": "\\udc00"}', "half a surrogate pair"),
        (b'{"family": "\\ud83dX"}', "half a surrogate pair"),
    ],
)
def test_a_faulty_body_is_unreadable_and_the_text_says_why(body: bytes, says: str) -> None:
    with pytest.raises(Unreadable) as refused:
        parse(body)
    (issue,) = refused.value.issues
    assert (issue.code, refused.value.status) == ("structure", 400)
    assert says in issue.text


def test_the_text_repeats_no_value_from_the_body() -> None:
    with pytest.raises(Unreadable) as refused:
        parse(b'{"family": "Secretname", "birthDate": tomorrow}')
    assert "Secretname" not in refused.value.issues[0].text
    assert "tomorrow" not in refused.value.issues[0].text


@pytest.mark.parametrize(
    "text",
    ["tab\\t, line\\r\\n", "escaped backslash: \\\\u0000", "pair \\ud83d\\ude00", "plain é 漢 😀", "\\u0041"],
)
def test_what_fhir_strings_may_hold_is_read(text: str) -> None:
    assert isinstance(parse(f'{{"text": "{text}"}}'.encode())["text"], str)


@pytest.mark.parametrize("digits", ["1.50", "0.0", "-0.00", "100.000000000000000000001", "1E+2", "1.0E-22", "-1E+245"])
def test_decimals_come_back_with_their_digits(digits: str) -> None:
    body = f'{{"value":{digits}}}'.encode()
    assert dump(parse(body)) == body


def test_an_exponent_keeps_its_precision() -> None:
    read = parse(b'{"value": 1E2}')["value"]
    assert parse(dump({"value": read}))["value"].as_tuple() == Decimal("1E2").as_tuple()


def test_integers_beyond_64_bits_come_back() -> None:
    body = b'{"inner":[{"value":123456789012345678901234567890}],"small":-7,"on":true}'
    assert dump(parse(body)) == body


def test_only_json_is_written() -> None:
    with pytest.raises(TypeError):
        dump({"value": Decimal("NaN")})
    with pytest.raises(TypeError):
        dump({"value": object()})
