"""What makes a record an event: the rules of validity, written out a second time."""

import math
from typing import Any, Dict, List, NamedTuple, Optional

from instants import MAX_INSTANT, parse_instant
from json_text import NotJson, Unsafe, parse, scalar_text

# Numbers from here on are invalid, so that no order of adding overflows.
NUMBER_LIMIT = 2.0**960
MAX_KEY_BYTES = 256

_FIRST = -MAX_INSTANT
_LAST = MAX_INSTANT


class Plan(NamedTuple):
    """What the rules depend on; times in ms."""

    # Field name to {"type", "min", "max"}; all of them required, others ignored. A type is
    # "string", "number", "time" (text or number) or "scalar" (text, number, boolean or null).
    fields: Dict[str, Dict[str, Any]]
    event_time: str
    group_by: List[str]
    aggregates: List[Dict[str, Any]]
    size: int
    slide: int
    offset: int
    delay: int
    lateness: int
    max_ahead: int
    # {"field", "not"}: events whose field has that value are left out. None for no filter.
    where: Optional[Dict[str, Any]]


class Event(NamedTuple):
    """An event, as far as it can be judged by itself: its key is not looked at yet."""

    time: int
    fields: Dict[str, Any]


class Invalid(Exception):
    """The record is no event."""


# Keys of texts that were seen to be short enough.
_good_keys = set()


def first_window(plan: Plan, time: int) -> int:
    """The start of the first window that holds a time: the smallest with start + size > time."""
    return (time - plan.size - plan.offset) // plan.slide * plan.slide + plan.offset + plan.slide


def last_window(plan: Plan, time: int) -> int:
    """The start of the last window that holds a time."""
    return (time - plan.offset) // plan.slide * plan.slide + plan.offset


def read_event(plan: Plan, value: Optional[bytes]) -> Event:
    """The event of a record's value; Invalid if it can't be decoded, or for a field or the time."""
    if value is None:
        raise Invalid("null-value")
    try:
        data = parse(value.decode("utf-8"))
    except (UnicodeDecodeError, NotJson) as error:
        raise Invalid(str(error))
    if not isinstance(data, dict):
        raise Invalid("not an object")
    fields = {name: _field(data, name, rule) for name, rule in plan.fields.items()}
    return Event(_time(plan, fields[plan.event_time]), fields)


def read_key(plan: Plan, event: Event) -> tuple:
    """The values of the group's fields, numbers as floats; Invalid if they make no key."""
    key = tuple(event.fields[name] for name in plan.group_by)
    if key not in _good_keys:
        text = "[" + ",".join(scalar_text(part) for part in key) + "]"
        if len(text.encode()) > MAX_KEY_BYTES:
            raise Invalid("key")
        # Only of texts: to Python, True and 1.0 are the same key.
        if len(_good_keys) < 100_000 and all(type(part) is str for part in key):
            _good_keys.add(key)
    return key


# What a field of a type may hold beside numbers.
_OTHERS = {
    "string": (str,),
    "number": (),
    "time": (str,),
    "scalar": (str, bool, type(None)),
}


def _field(data, name, rule):
    # A field that is missing is no JSON value at all.
    value = data.get(name, NotJson)
    if type(value) in _OTHERS[rule["type"]]:
        return value
    if rule["type"] != "string" and type(value) in (int, float):
        # + 0.0 turns -0.0 into 0.0.
        number = float(value) + 0.0
        in_range = rule.get("min", -math.inf) <= number <= rule.get("max", math.inf)
        if in_range and abs(number) < NUMBER_LIMIT:
            return number
    if isinstance(value, Unsafe):
        raise Invalid("%s is an integer that a double can't hold" % name)
    raise Invalid(name)


def _time(plan: Plan, value) -> int:
    time = parse_instant(value) if isinstance(value, str) else math.floor(value)
    if time is None:
        raise Invalid("time")
    # The event's windows, their completion and its watermark must have ISO dates.
    ends = last_window(plan, time) + plan.size + plan.lateness
    if first_window(plan, time) < _FIRST or ends > _LAST or time - plan.delay < _FIRST:
        raise Invalid("time")
    return time
