"""An independent second opinion on what a topic's windows come to. It shares no code with Tidegate.

    oracle.py expect  --broker H:P --libs DIR --topic T --plan JSON   what the windows come to
    oracle.py results --broker H:P --libs DIR --topic T               the last revision of each row
    oracle.py judge   --plan JSON                                     as expect, of records on stdin

Prints one JSON object. `judge` reads a JSON array of [partition, offset, timestamp or null, value in
base64 or null] a line.
"""

import argparse
import base64
import json
import sys

from broker_tools import Record, Tools, read_topic
from events import Plan
from fold import Fold


def main() -> None:
    arguments = _arguments()
    if arguments.mode == "results":
        answer = last_revisions(read_topic(_tools(arguments), arguments.topic, keys=True))
    else:
        fold = Fold(_plan(json.loads(arguments.plan)))
        judging = arguments.mode == "judge"
        fold.add_all(_given() if judging else read_topic(_tools(arguments), arguments.topic))
        answer = {
            "counts": fold.counts,
            "positions": fold.positions,
            "largest": sorted(fold.largest.items()),
            "rows": fold.rows(),
        }
    json.dump(answer, sys.stdout, allow_nan=False)


def last_revisions(records) -> dict:
    """The row with the largest revision of every record key; a tombstone or a repeat is counted."""
    last = {}
    count = 0
    for record in records:
        count += 1
        row = json.loads(record.value.decode("utf-8"))
        known = last.get(record.key)
        if known is None or known["revision"] < row["revision"]:
            last[record.key] = row
        elif known["revision"] == row["revision"] and known != row:
            raise RuntimeError("two rows with one key and one revision: %r, %r" % (known, row))
    return {"records": count, "rows": list(last.values())}


def _plan(data: dict) -> Plan:
    windowing = data["windowing"]
    return Plan(
        fields=data["fields"],
        event_time=data["eventTimeField"],
        group_by=data["groupBy"],
        aggregates=data["aggregates"],
        size=windowing["sizeMs"],
        slide=windowing["slideMs"],
        offset=windowing["offsetMs"],
        delay=data["delayMs"],
        lateness=data["latenessMs"],
        max_ahead=data["maxAheadMs"],
        where=data.get("where"),
    )


def _given():
    for line in sys.stdin:
        partition, offset, timestamp, value = json.loads(line)
        bytes_ = None if value is None else base64.b64decode(value)
        yield Record(partition, offset, timestamp, None, bytes_)


def _tools(arguments) -> Tools:
    return Tools(arguments.broker, arguments.libs, arguments.java)


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mode", choices=("expect", "results", "judge"))
    for name in ("broker", "libs", "topic", "plan"):
        parser.add_argument("--" + name)
    parser.add_argument("--java", default="java")
    return parser.parse_args()


if __name__ == "__main__":
    main()
