"""The oracle's own cases: python3 -m unittest self_test"""

import datetime
import random
import unittest

import json_text
from broker_tools import Record
from events import Plan
from fold import Fold
from instants import format_instant, parse_instant
from oracle import last_revisions


def plan(**changes) -> Plan:
    base = Plan(
        fields={"k": {"type": "string"}, "n": {"type": "number"}, "at": {"type": "string"}},
        event_time="at",
        group_by=["k"],
        aggregates=[{"name": "total", "kind": "sum", "field": "n"}],
        size=10,
        slide=10,
        offset=0,
        delay=5,
        lateness=0,
        max_ahead=1000,
        where=None,
    )
    return base._replace(**changes)


def folded(times, **changes) -> Fold:
    """Folds one event per time, all of one partition, with the numbers 1, 2, 3 …"""
    fold = Fold(plan(**changes))
    for i, time in enumerate(times):
        value = '{"k":"a","n":%d,"at":"%s"}' % (i + 1, format_instant(time))
        fold.add(Record(0, i, None, None, value.encode()))
    return fold


class Windows(unittest.TestCase):
    def test_late_is_judged_by_what_came_before(self):
        # 25 - 5 = 20 lets [10, 20) go, and not [20, 30).
        fold = folded([12, 25, 19, 20])
        self.assertEqual(fold.positions["late"], [[0, 2]])
        totals = {row["window"]["start"][-4:]: row["values"]["total"] for row in fold.rows()}
        self.assertEqual(totals, {"010Z": 1.0, "020Z": 6.0})

    def test_hopping_event_misses_some_windows(self):
        # 26 - 5 = 21: of the windows of 12, [0, 20) is missed and [10, 30) is not.
        fold = folded([26, 12], size=20, slide=10)
        self.assertEqual(fold.counts["missed"], 1)
        self.assertEqual(fold.counts["late"], 0)

    def test_negative_times(self):
        self.assertEqual(folded([-1]).rows()[0]["window"]["start"], "1969-12-31T23:59:59.990Z")

    def test_skewed_and_invalid_move_nothing(self):
        fold = Fold(plan())
        at = format_instant(5000)
        fold.add(Record(0, 0, 3999, None, ('{"k":"a","n":1,"at":"%s"}' % at).encode()))
        fold.add(Record(0, 1, 3999, None, ('{"k":"a","n":"1","at":"%s"}' % at).encode()))
        self.assertEqual((fold.largest, fold.counts["skewed"], fold.counts["invalid"]), ({}, 1, 1))

    def test_skew_is_judged_before_the_key(self):
        fold = Fold(plan())
        event = '{"k":"%s","n":1,"at":"%s"}' % ("k" * 300, format_instant(5000))
        fold.add(Record(0, 0, 3999, None, event.encode()))
        fold.add(Record(0, 1, 4000, None, event.encode()))
        self.assertEqual(fold.positions, {"late": [], "invalid": [[0, 1]], "skewed": [[0, 0]]})


class Values(unittest.TestCase):
    def refused(self, *texts):
        for text in texts:
            with self.assertRaises(json_text.NotJson, msg=text):
                json_text.parse(text)

    def test_json_that_python_takes_and_ecmascript_refuses(self):
        self.refused("NaN", "[Infinity]", "-Infinity", "\ufeff1", "\u00a01", "[\u0661]", "")

    def test_deep_json(self):
        deep = "[" * 50_000 + '{"a":[{},1,"x\\n"]}' + "]" * 50_000
        value = json_text.parse(deep)
        for _ in range(50_000):
            value = value[0]
        self.assertEqual(value, {"a": [{}, 1, "x\n"]})
        self.refused(deep[:-1], deep + "]", deep.replace("1,", "1,,"), deep.replace("{}", "{]"))

    def test_unsafe_integers(self):
        self.assertEqual(json_text.parse("9007199254740991"), 2**53 - 1)
        for text in ("9007199254740992", "-9007199254740992", "1" * 5000):
            self.assertIsInstance(json_text.parse(text), json_text.Unsafe)
        self.assertEqual(json_text.parse("9007199254740993.0"), 9007199254740992.0)

    def test_numbers_as_ecmascript_prints_them(self):
        cases = {
            "1": 1.0, "-0.5": -0.5, "0": -0.0, "100000": 1e5, "1e+21": 1e21, "0.000001": 1e-6,
            "1e-7": 1e-7, "1.5e-7": 1.5e-7, "123456789012345680000": 123456789012345680000.0,
            "1.2345e+25": 1.2345e25, "5e-324": 5e-324, "0.1": 0.1,
        }
        for text, value in cases.items():
            self.assertEqual(json_text.number_text(value), text)

    def test_lone_surrogates(self):
        self.assertEqual(json_text.scalar_text("a\ud800\U0001f600"), '"a\\ud800\U0001f600"')


class Instants(unittest.TestCase):
    def test_round_trip(self):
        chance = random.Random(7)
        for _ in range(2000):
            millis = chance.randint(-8_640_000_000_000_000, 8_640_000_000_000_000)
            self.assertEqual(parse_instant(format_instant(millis)), millis)

    def test_against_datetime(self):
        zone = datetime.timezone(datetime.timedelta(hours=-3, minutes=-30))
        time = datetime.datetime(2026, 2, 28, 23, 59, 59, 999000, zone)
        expected = round(time.timestamp() * 1000)
        for text in ("2026-02-28T23:59:59.999-03:30", "2026-02-28t23:59:59.9999999-0330"):
            self.assertEqual(parse_instant(text), expected)

    def test_refused(self):
        for text in (
            "2026-02-29T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:00", "2026-01-01", "2026-01-01T00:00:00.Z", "-000000-01-01T00:00:00Z",
            "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00Z\n", "+275760-09-13T00:00:00.001Z",
            "\u0662026-01-01T00:00:00Z",
        ):
            self.assertIsNone(parse_instant(text), text)


class Results(unittest.TestCase):
    def test_the_last_revision_counts(self):
        rows = [b'{"revision":0,"events":1}', b'{"revision":2,"events":3}', b'{"revision":1}']
        records = [Record(0, i, 0, b"k", row) for i, row in enumerate(rows)]
        answer = last_revisions(records)
        self.assertEqual(answer, {"records": 3, "rows": [{"revision": 2, "events": 3}]})

    def test_one_revision_with_two_contents_is_an_error(self):
        rows = [b'{"revision":0,"events":1}', b'{"revision":0,"events":2}']
        with self.assertRaises(RuntimeError):
            last_revisions([Record(0, i, 0, b"k", row) for i, row in enumerate(rows)])


if __name__ == "__main__":
    unittest.main()
