"""Reads a topic with Kafka's own console consumer, so that nothing of Tidegate's clients is trusted.

The console consumer writes keys and values as the bytes they are. Fields, records and nulls are told
apart by random texts that are made anew for every read, so no record can look like two.
"""

import os
import re
import subprocess
import uuid
from typing import Dict, Iterator, NamedTuple, Optional, Tuple

OFFSETS_TOOL = "org.apache.kafka.tools.GetOffsetShell"
CONSUMER_TOOL = "org.apache.kafka.tools.consumer.ConsoleConsumer"
EARLIEST = "-2"
LATEST = "-1"

# How long the consumer may see nothing before it ends by itself. Only reached where the last
# offsets of a partition hold no record to read (transaction markers, compacted ones).
SILENCE_MS = 8_000

CHUNK_BYTES = 1 << 20


class Record(NamedTuple):
    """One record as the broker holds it."""

    partition: int
    offset: int
    # Epoch ms; None if the record carries none.
    timestamp: Optional[int]
    key: Optional[bytes]
    value: Optional[bytes]


class Tools(NamedTuple):
    """How to run the broker's tools."""

    # The broker, host:port.
    broker: str
    # The folder of Kafka's jars.
    libs: str
    # The Java program.
    java: str = "java"

    def command(self, tool: str, *arguments: str):
        """The command line of a tool; compiling it well would take longer than the run itself."""
        class_path = os.path.join(self.libs, "*")
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"
        start = [self.java, "-XX:TieredStopAtLevel=1", quiet, "-cp", class_path, tool]
        return start + ["--bootstrap-server", self.broker] + list(arguments)


def read_ends(tools: Tools, topic: str) -> Dict[int, Tuple[int, int]]:
    """The first and the next offset of every partition."""
    asked = {
        time: subprocess.Popen(
            tools.command(OFFSETS_TOOL, "--topic", topic, "--time", time),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for time in (EARLIEST, LATEST)
    }
    found = {}
    for time, process in asked.items():
        out, err = process.communicate(timeout=60)
        if process.returncode != 0:
            raise RuntimeError("cannot ask for offsets: " + err.decode(errors="replace"))
        lines = out.decode().split()
        # A topic's name has no colon.
        found[time] = {int(p): int(o) for _, p, o in (line.split(":") for line in lines)}
    if not found[LATEST]:
        raise RuntimeError("topic %s has no partitions" % topic)
    return {p: (found[EARLIEST][p], end) for p, end in sorted(found[LATEST].items())}


def read_topic(tools: Tools, topic: str, keys: bool = False) -> Iterator[Record]:
    """All committed records that the topic holds now; each partition's in the order of offsets.

    Without `keys` all keys are None: the console consumer makes a system call for each field.
    """
    missing = {p: end - 1 for p, (start, end) in read_ends(tools, topic).items() if start < end}
    if not missing:
        return
    nonces = [uuid.uuid4().hex for _ in range(3)]
    field_end, record_end, null = (("\x1e%s\x1e" % nonce).encode() for nonce in nonces)
    properties = {
        "print.timestamp": "true",
        "print.partition": "true",
        "print.offset": "true",
        "print.key": "true" if keys else "false",
        "print.value": "true",
        "key.separator": field_end.decode(),
        "line.separator": record_end.decode(),
        "null.literal": null.decode(),
    }
    arguments = ["--topic", topic, "--from-beginning", "--isolation-level", "read_committed"]
    for name, value in properties.items():
        arguments += ["--property", "%s=%s" % (name, value)]
    for silence in (SILENCE_MS, 4 * SILENCE_MS, 8 * SILENCE_MS):
        seen = False
        command = tools.command(CONSUMER_TOOL, *arguments, "--timeout-ms", str(silence))
        consumer = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            for text in _split(consumer.stdout, record_end):
                seen = True
                record = _record(text, field_end, null, keys)
                last = missing.get(record.partition)
                # What was written after the ends were asked for is not part of the read.
                if last is None or record.offset > last:
                    continue
                if record.offset == last:
                    del missing[record.partition]
                yield record
                if not missing:
                    return
        finally:
            consumer.kill()
            consumer.wait()
            consumer.stdout.close()
        # On a busy machine it may give up before it has begun.
        if seen:
            return
    raise RuntimeError("the console consumer has read nothing of %s" % topic)


def _split(stream, separator: bytes) -> Iterator[bytes]:
    rest = b""
    while True:
        chunk = stream.read1(CHUNK_BYTES)
        if not chunk:
            if rest:
                raise RuntimeError("the console consumer ended in the middle of a record")
            return
        parts = (rest + chunk).split(separator)
        rest = parts.pop()
        yield from parts


_HEAD = re.compile(rb"(?:(?:CreateTime|LogAppendTime):(-?\d+)|NO_TIMESTAMP)\Z")


def _record(text: bytes, field_end: bytes, null: bytes, keys: bool) -> Record:
    head, partition, offset, *rest = text.split(field_end)
    key, value = rest if keys else (null, *rest)
    timestamp = _HEAD.match(head)
    if timestamp is None or partition[:10] != b"Partition:" or offset[:7] != b"Offset:":
        raise RuntimeError("cannot read what the console consumer printed: %r" % text[:200])
    time = timestamp.group(1)
    return Record(
        int(partition[10:]),
        int(offset[7:]),
        None if time is None or int(time) < 0 else int(time),
        None if key == null else key,
        None if value == null else value,
    )
