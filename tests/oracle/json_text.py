"""JSON as ECMAScript reads and writes it, where Python's own module differs from that.

Python takes NaN and Infinity, refuses integers of more than 4300 digits, and gives up on deep
nesting; ECMAScript knows doubles only, and prints them in its own way.
"""

import json
import re

# Integers beyond this can't be held by a double for sure.
MAX_SAFE_INTEGER = 2**53 - 1


class NotJson(Exception):
    """The text is not JSON."""


class Unsafe:
    """Stands for an integer literal that a double can't be trusted to hold."""

    def __init__(self, literal):
        self.literal = literal


def parse(text: str):
    """Parses JSON: objects as dict (of equal members the last counts), numbers as int or float."""
    try:
        return _DECODER.decode(text)
    except RecursionError:
        return _parse_deep(text)
    except ValueError as error:
        raise NotJson(str(error))


def _integer(literal: str):
    # 17 digits are surely too many, and Python refuses to read thousands of them.
    if len(literal) > 17:
        return Unsafe(literal)
    value = int(literal)
    return value if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER else Unsafe(literal)


def _constant(literal: str):
    raise NotJson("%s is no JSON" % literal)


_DECODER = json.JSONDecoder(parse_int=_integer, parse_constant=_constant)

_SPACE = re.compile(r"[ \t\n\r]*")
_SCALAR = re.compile(
    r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"'
    r"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null"
)


def _parse_deep(text: str):
    """Parses without recursion, by a stack of the containers that are open."""
    root = []
    stack = [(root, None)]
    at = _skip(text, 0)
    # After "[" or "{" a container may end at once; after "," a value must follow.
    fresh = False
    while True:
        container, _ = stack[-1]
        char = text[at : at + 1]
        if fresh and char == ("}" if isinstance(container, dict) else "]"):
            at = _close(text, at, stack)
        else:
            name = None
            if isinstance(container, dict):
                name, at = _scalar(text, at)
                if not isinstance(name, str) or text[at : at + 1] != ":":
                    raise NotJson("a member's name and a colon must be at %d" % at)
                at = _skip(text, at + 1)
                char = text[at : at + 1]
            if char in ("[", "{") and char:
                inner = [] if char == "[" else {}
                _put(container, name, inner)
                stack.append((inner, name))
                at = _skip(text, at + 1)
                fresh = True
                continue
            value, at = _scalar(text, at)
            _put(container, name, value)
        while len(stack) > 1 and text[at : at + 1] in ("]", "}"):
            at = _close(text, at, stack)
        if len(stack) == 1:
            if at != len(text):
                raise NotJson("there is more at %d" % at)
            return root[0]
        if text[at : at + 1] != ",":
            raise NotJson("a comma must be at %d" % at)
        at = _skip(text, at + 1)
        fresh = False


def _close(text, at, stack):
    container, _ = stack.pop()
    if text[at] != ("}" if isinstance(container, dict) else "]"):
        raise NotJson("the wrong bracket is at %d" % at)
    return _skip(text, at + 1)


def _put(container, name, value):
    if isinstance(container, dict):
        container[name] = value
    else:
        container.append(value)


def _scalar(text, at):
    match = _SCALAR.match(text, at)
    if match is None:
        raise NotJson("no value is at %d" % at)
    return _DECODER.decode(match.group()), _skip(text, match.end())


def _skip(text, at):
    return _SPACE.match(text, at).end()


def number_text(value) -> str:
    """A finite number as ECMAScript prints it: the shortest digits, 1e21 and 1e-7 with exponent."""
    value = float(value)
    if value == 0:
        return "0"
    sign, shortest = ("-", repr(-value)) if value < 0 else ("", repr(value))
    mantissa, _, exponent = shortest.partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # The value is 0.digits times ten to the power of `point`.
    point = len(whole.lstrip("0")) + int(exponent or 0)
    if whole.strip("0") == "":
        point = int(exponent or 0) - (len(fraction) - len(fraction.lstrip("0")))
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    power = "e%s%d" % ("+" if point > 0 else "-", abs(point - 1))
    return sign + digits[0] + ("." + digits[1:] if count > 1 else "") + power


_LONE = re.compile("[\ud800-\udfff]")


def scalar_text(value) -> str:
    """A text, number, boolean or null as `JSON.stringify` prints it."""
    if isinstance(value, str):
        quoted = json.dumps(value, ensure_ascii=False)
        # Python's strings are of code points: a surrogate in one is a lone one.
        return _LONE.sub(lambda match: "\\u%04x" % ord(match.group()), quoted)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return number_text(value)
