"""Bodies: strict JSON in UTF-8, or nothing.

Numbers in comments are the lines of our list of attacks.
"""

import pytest

from tests.api import bodies

# Content types


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        'Application/JSON; charset="utf-8"',
    ],
)
def test_json_in_utf_8_passes_under_every_spelling(content_type: str):
    assert bodies.decode('{"to":"+15550100001"}', content_type).to == "+15550100001"


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/json;charset=utf-7",
        "application/json; charset=utf-16",
        "application/json; charset=utf-8; charset=utf-16",
        "application/jsonp",
        "application/json, text/plain",
        "application/json\n",
        "multipart/form-data; boundary=application/json",
        "application/x-www-form-urlencoded",
    ],
)
def test_any_other_content_type_is_a_415(content_type: str | None):
    # 30
    assert bodies.refusal('{"to":"+15550100001"}', content_type).status == 415


# JSON


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"  \n",
        b"{",
        b'{"to":"+1',
        b'{"to":"+1"}x',
        b'{"to":"+1",}',
        b"{'to':'+1'}",
        b'{"to":"+1"}{"to":"+2"}',
        b'{"to":"+1" /* so */}',
        b'{"to":"\\x41"}',
        b'{"to":"a\nb"}',
        b'{"to":"a\x00b"}',
        b'{"to":\x00"+1"}',
        b'{"weight":01}',
        b'{"weight":.5}',
        b'{"weight":+1}',
    ],
)
def test_what_is_not_json_is_refused(raw: bytes):
    assert bodies.refusal(raw).code == "invalid_json"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5000, "1" + "0" * 400])
@pytest.mark.parametrize("field", ["weight", "number", "labels"])
def test_numbers_that_are_none_are_refused_wherever_they_stand(field: str, number: str):
    # 28
    assert bodies.refusal(f'{{"to":"+1","{field}":{number}}}').status == 400


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**25])
def test_integers_that_no_database_column_holds_are_refused(number: int):
    # 28
    assert bodies.fault(bodies.with_to(number=number)) == (
        "/number",
        "out_of_range",
        "`number` is an integer of more than 64 bits.",
    )


def test_minus_zero_and_the_largest_integers_are_just_numbers():
    # 28
    assert bodies.decode('{"to":"+1","number":-0}').number == 0
    assert bodies.decode(bodies.with_to(number=2**63 - 1)).number == 2**63 - 1
    assert bodies.decode(bodies.with_to(number=-(2**63))).number == -(2**63)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-8-sig"])
def test_every_other_encoding_is_refused_and_so_is_a_byte_order_mark(encoding: str):
    # 29
    assert bodies.refusal('{"to":"+1é"}'.encode(encoding)).code == "invalid_json"


@pytest.mark.parametrize(
    "piece",
    [
        b"\xff",
        b"\xc0\xaf",
        b"\xe2\x82",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\\ud800",
        b"\\udc00",
        b"\\ud800\\u0041",
    ],
)
@pytest.mark.parametrize("frame", [b'{"to":"%b"}', b'{"%b":"+1"}', b'{"to":"+1","labels":{"%b":"x"}}'])
def test_bytes_and_surrogates_that_are_no_text_are_refused_in_values_and_keys(frame: bytes, piece: bytes):
    # 29
    assert bodies.refusal(frame % piece).code == "invalid_json"


@pytest.mark.parametrize("control", ["\\u0000", "\\u0001", "\\u001b[31m", "\\u001F", "\\b", "\\f", "\\r"])
@pytest.mark.parametrize(
    ("frame", "pointer"),
    [
        ('{"to":"a%sb"}', "/to"),
        ('{"t%so":"+1"}', ""),
        ('{"to":"+1","labels":{"a":"%s"}}', "/labels/a"),
        ('{"to":"+1","labels":{"%s":"a"}}', "/labels"),
        ('{"to":"+1","components":[{"kind":"text","values":["","%s"]}]}', "/components/0/values/1"),
    ],
)
def test_control_characters_are_refused_in_values_and_keys(frame: str, pointer: str, control: str):
    # 29, 40
    where, code, _ = bodies.fault(frame % control)
    assert (where, code) == (pointer, "control_character")


def test_line_feeds_tabs_and_emoji_are_text():
    assert bodies.decode('{"to":"+1","note":"a\\n\\tb\\ud83d\\ude00"}').note == "a\n\tb😀"


def test_texts_and_keys_come_out_in_one_unicode_form():
    read = bodies.decode('{"to":"+1","note":"Cafe\u0301","labels":{"e\u0301":"e\\u0301"}}')
    assert read.note == "Caf\u00e9"
    assert read.labels == {"\u00e9": "\u00e9"}


@pytest.mark.parametrize(
    "raw",
    [
        '{"to":"+1","to":"+2"}',
        '{"to":"+1","t\\u006f":"+1"}',
        '{"to":"+1","labels":{"a":"1","b":"2","a":"3"}}',
        '{"to":"+1","components":[{"kind":"text"},{"kind":"text","kind":"image"}]}',
        '{"to":"+1","labels":{"\u00e9":"1","e\u0301":"2"}}',
        '{"to":"+1","nobody":{"x":[{"y":1,"y":1}]}}',
    ],
)
def test_a_key_that_stands_twice_is_refused_at_any_depth(raw: str):
    # 26
    error = bodies.refusal(raw)
    assert error.code == "invalid_json"
    assert "twice" in error.detail


def test_colons_commas_and_brackets_inside_texts_are_just_text():
    text = '{"a":1,"b":[[[[[[[[[[[[[[[[[[[[[["},\\":'
    assert bodies.decode(bodies.with_to(labels={"x": text[:5], text: "y"})).labels == {"x": text[:5], text: "y"}


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 17 + b"1" + b"}" * 17,
        b"{" + b",".join(b'"k%d":1' % n for n in range(50_000)) + b"}",
        b"[" + b"1," * 1_000_000 + b"1]",
        b'{"to":"+1","labels":{' + b",".join(b'"k%d":"1"' % n for n in range(2_000)) + b"}}",
        b'"' * 200_000,
        b'"' + b'\\"' * 100_000,
        b"\\" * 200_000,
        b"{" * 200_000,
    ],
)
def test_bodies_that_are_too_deep_or_too_many_are_refused(raw: bytes):
    # 26
    assert bodies.refusal(raw).code == "invalid_json"


def test_sixteen_levels_are_deep_enough_to_be_read():
    assert bodies.fault('{"to":"+1","nobody":' + "[" * 15 + "]" * 15 + "}")[1] == "unknown_field"
    assert "deeper" in bodies.refusal('{"to":"+1","nobody":' + "[" * 16 + "]" * 16 + "}").detail
