"""Which windows events count in, and what the windows come to."""

import math
from typing import Dict, Iterable, List

from broker_tools import Record
from events import Event, Invalid, Plan, first_window, last_window, read_event, read_key
from instants import format_instant

COUNTS = ("read", "aggregated", "late", "invalid", "skewed", "filtered", "assigned", "missed")


class Fold:
    """Judges every record of a topic, partition by partition in the order of offsets.

    The order of judging one: decoding, fields and numbers, time, skew, key, filter, lateness.
    """

    def __init__(self, plan: Plan):
        self.plan = plan
        self.counts = dict.fromkeys(COUNTS, 0)
        self.positions: Dict[str, List[List[int]]] = {"late": [], "invalid": [], "skewed": []}
        # Per partition, the largest event time before the record at hand.
        self.largest: Dict[int, int] = {}
        self._next: Dict[int, int] = {}
        # (start, key) to the number of events and, per aggregate, the values.
        self._cells = {}

    def add_all(self, records: Iterable[Record]) -> None:
        """Judges records; those of one partition must come in the order of their offsets."""
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        """Judges one record."""
        if record.offset < self._next.get(record.partition, 0):
            raise RuntimeError("offset %d of partition %d comes twice" % (record[1], record[0]))
        self._next[record.partition] = record.offset + 1
        self.counts["read"] += 1
        try:
            event = read_event(self.plan, record.value)
        except Invalid:
            return self._out("invalid", record)
        limit = self.plan.max_ahead
        if record.timestamp is not None and event.time > record.timestamp + limit:
            return self._out("skewed", record)
        try:
            key = read_key(self.plan, event)
        except Invalid:
            return self._out("invalid", record)
        self._place(record, event, key)

    def _place(self, record: Record, event: Event, key: tuple) -> None:
        plan = self.plan
        before = self.largest.get(record.partition, -math.inf)
        self.largest[record.partition] = max(before, event.time)
        where = plan.where
        if where is not None and event.fields[where["field"]] == where["not"]:
            self.counts["filtered"] += 1
            return
        # No window may be missed but by what its own partition has seen: there is no floor here.
        bound = before - plan.delay
        open_in = 0
        starts = range(
            first_window(plan, event.time), last_window(plan, event.time) + 1, plan.slide
        )
        for start in starts:
            self.counts["assigned"] += 1
            if start + plan.size + plan.lateness <= bound:
                self.counts["missed"] += 1
            else:
                open_in += 1
                self._count(start, event, key)
        if open_in == 0:
            return self._out("late", record)
        self.counts["aggregated"] += 1

    def _count(self, start: int, event: Event, key: tuple) -> None:
        # A type for each part: True and 1.0 are equal to Python, but not the same key.
        name = (start, tuple((type(part), part) for part in key))
        cell = self._cells.get(name)
        if cell is None:
            cell = self._cells[name] = [key, 0, [[] for _ in self.plan.aggregates]]
        cell[1] += 1
        for values, aggregate in zip(cell[2], self.plan.aggregates):
            if aggregate["field"] is not None:
                values.append(event.fields[aggregate["field"]])

    def _out(self, kind: str, record: Record) -> None:
        self.counts[kind] += 1
        self.positions[kind].append([record.partition, record.offset])

    def rows(self) -> List[dict]:
        """One row per window and key."""
        plan = self.plan
        rows = []
        for (start, _), (key, events, columns) in self._cells.items():
            values = {
                aggregate["name"]: _value(aggregate["kind"], events, column)
                for aggregate, column in zip(plan.aggregates, columns)
            }
            rows.append(
                {
                    "window": {
                        "start": format_instant(start),
                        "end": format_instant(start + plan.size),
                    },
                    "key": dict(zip(plan.group_by, key)),
                    "events": events,
                    "values": values,
                }
            )
        return rows


def _value(kind: str, events: int, column: List[float]):
    if kind == "count":
        return events
    if kind == "min":
        return min(column)
    if kind == "max":
        return max(column)
    # fsum rounds the exact sum once; + 0.0 turns the -0.0 of an underflow into 0.0.
    total = math.fsum(column)
    return (total / events if kind == "avg" else total) + 0.0
