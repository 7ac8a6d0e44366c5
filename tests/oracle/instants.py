"""Event times: RFC 3339 with an offset to epoch milliseconds, and back to ISO 8601."""

import datetime
import re
from typing import Optional

# The range of ECMAScript's dates: 100,000,000 days around 1970.
MAX_INSTANT = 8_640_000_000_000_000

_FORM = re.compile(
    r"(\d{4}|[+-]\d{6})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)"
    r"(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):?(\d\d))\Z",
    re.ASCII,
)
_DAY = 86_400_000
_EPOCH = datetime.date(1970, 1, 1).toordinal()
# The Gregorian calendar repeats itself after 400 years.
_CYCLE_YEARS = 400
_CYCLE_DAYS = 146_097
_days = {}


def parse_instant(text: str) -> Optional[int]:
    """Epoch ms, digits after the millisecond dropped; None if the text is anything else."""
    match = _FORM.match(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, off_hour, off_minute = match.groups()
    if year == "-000000" or hour > "23" or minute > "59" or second > "59":
        return None
    days = _day_number(year, month, day)
    if days is None:
        return None
    millis = 0 if fraction is None else int(fraction[:3].ljust(3, "0"))
    offset = 0
    if sign is not None:
        if off_hour > "23" or off_minute > "59":
            return None
        offset = (int(off_hour) * 60 + int(off_minute)) * 60_000 * (-1 if sign == "-" else 1)
    seconds = (int(hour) * 60 + int(minute)) * 60 + int(second)
    instant = days * _DAY + seconds * 1000 + millis - offset
    return instant if -MAX_INSTANT <= instant <= MAX_INSTANT else None


def format_instant(millis: int) -> str:
    """ISO 8601 in UTC with milliseconds, as ECMAScript's toISOString."""
    days, rest = divmod(millis, _DAY)
    cycles, in_cycle = divmod(days + _EPOCH - 1, _CYCLE_DAYS)
    date = datetime.date.fromordinal(in_cycle + 1)
    year = date.year + cycles * _CYCLE_YEARS
    text = "%04d" % year if 0 <= year <= 9999 else "%+07d" % year
    seconds, ms = divmod(rest, 1000)
    clock = "%02d:%02d:%02d.%03d" % (seconds // 3600, seconds // 60 % 60, seconds % 60, ms)
    return "%s-%02d-%02dT%sZ" % (text, date.month, date.day, clock)


def _day_number(year: str, month: str, day: str) -> Optional[int]:
    """Days since 1970; None for a day that the calendar doesn't have."""
    known = _days.get((year, month, day))
    if known is not None:
        return known
    # A year of the cycle from 1 to 400, which Python's dates can hold.
    cycles, in_cycle = divmod(int(year) - 1, _CYCLE_YEARS)
    try:
        ordinal = datetime.date(in_cycle + 1, int(month), int(day)).toordinal()
    except ValueError:
        return None
    days = ordinal + cycles * _CYCLE_DAYS - _EPOCH
    if len(_days) < 100_000:
        _days[(year, month, day)] = days
    return days
