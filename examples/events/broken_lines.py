"""The ways in which a line of events can be broken, one function each: (line, rng) -> broken line.

A line is bytes without its newline. Every result of `kinds` must end up in the dead letters.
"""

import json

BOM = b"\xef\xbb\xbf"
DEPTH = 10_000


def broken_json(line, rng):
    return rng.choice([
        line[:-1],                               # not closed
        line[:len(line) // 2],                   # cut in the middle
        line + b"}",                             # more than one value
        line[:-1] + b",}",                       # a comma too many
        line.replace(b'"', b"'"),                # not JSON's quotes
        line.replace(b":", b"=", 1),
        b"GET / HTTP/1.1",
    ])


def empty_line(_line, rng):
    return rng.choice([b"", b"   ", b"\t"])


def missing_id(line, rng):
    event = json.loads(line)
    return rng.choice([
        dump({"data": event["data"]}),
        dump({"ID": event["id"], "data": event["data"]}),
        dump([event["id"], event["data"]]),
    ])


def non_string_id(line, rng):
    event = json.loads(line)
    event["id"] = rng.choice([17, 1.5, None, True, [event["id"]], {"id": event["id"]}])
    return dump(event)


def invalid_utf8(line, rng):
    wrong = rng.choice([
        b"\xff\xfe",          # never in UTF-8
        b"\xc0\xaf",          # an overlong slash
        b"\xe2\x82",          # a character that is not complete
        b"\xed\xa0\x80",      # half of a surrogate pair
        b"\xf4\x90\x80\x80",  # beyond U+10FFFF
    ])
    return within_data(line, wrong)


def nul_byte(line, rng):
    return rng.choice([within_data(line, b"\0"), line + b"\0", b"\0" + line])


def duplicate_keys(line, rng):
    event = json.loads(line)
    data = dump(event["data"])
    return rng.choice([
        line[:-1] + b',"id":"another"}',
        line[:-1] + b',"data":{}}',
        dump({"id": event["id"]})[:-1] + b',"data":{"a":1,"a":2,"was":' + data + b"}}",
    ])


def deep_nesting(line, rng):
    opening, closing = rng.choice([(b"[", b"]"), (b'{"a":', b"}")])
    return with_data(line, opening * DEPTH + b"1" + closing * DEPTH)


def byte_order_mark(line, _rng):
    """Only the very first line of a file may begin with one."""
    return BOM + line


kinds = {
    "broken_json": broken_json,
    "empty_line": empty_line,
    "missing_id": missing_id,
    "non_string_id": non_string_id,
    "invalid_utf8": invalid_utf8,
    "nul_byte": nul_byte,
    "duplicate_keys": duplicate_keys,
    "deep_nesting": deep_nesting,
    "byte_order_mark": byte_order_mark,
}


def dump(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def with_data(line, data):
    return dump({"id": json.loads(line)["id"]})[:-1] + b',"data":' + data + b"}"


def within_data(line, wrong):
    """Puts bytes into a string of the data."""
    return with_data(line, b'{"note":"before' + wrong + b'after"}')
