"""Spans of a small service as OTLP JSON, one export request at the end: what `conlab import` reads.

Beside the standard fields a span may say what no tracer sees: how long it waited in a queue (conlab.queued_ns), the processor time
of its thread (conlab.cpu_ns), and the place or lock that it holds (conlab.resource, conlab.resource.kind, conlab.waited_ns).
"""

import json
import random
import time

INTERNAL, SERVER, CLIENT = 1, 2, 3


class Spans:
    def __init__(self, service, **resource):
        self.rows = []
        self.resource = {"service.name": service, **resource}

    def add(self, trace, span, parent, name, kind, start, end, failed=False, **attributes):
        # A tuple: cheap while the service runs. `append` is atomic under the interpreter lock.
        self.rows.append((trace, span, parent, name, kind, start, end, failed, attributes))

    def write(self, path, how="w"):
        with open(path, how) as out:
            resource = {"attributes": [attribute(*pair) for pair in self.resource.items()]}
            for trace, span, parent, name, kind, start, end, failed, attributes in self.rows:
                one = {
                    "traceId": f"{trace:032x}",
                    "spanId": f"{span:016x}",
                    "parentSpanId": f"{parent:016x}" if parent else "",
                    "name": name,
                    "kind": kind,
                    "startTimeUnixNano": str(start),
                    "endTimeUnixNano": str(end),
                    "status": {"code": 2} if failed else {},
                    "attributes": [attribute("conlab." + key.replace("__", "."), value) for key, value in attributes.items()],
                }
                scope = {"scopeSpans": [{"spans": [one]}]}
                out.write(json.dumps({"resourceSpans": [{"resource": resource, **scope}]}, separators=(",", ":")) + "\n")


def attribute(key, value):
    kind = {bool: "boolValue", int: "intValue", str: "stringValue"}[type(value)]
    return {"key": key, "value": {kind: str(value) if kind == "intValue" else value}}


def spin(loops):
    """Work on a processor: an amount, not a deadline."""
    total = 0
    for number in range(loops):
        total += number * number
    return total


def loops_for(seconds):
    """How many turns of `spin` take so long on this machine now."""
    best = min(timed(20_000) for _ in range(15))
    return max(1, int(20_000 * seconds / best))


def timed(loops):
    begin = time.thread_time_ns()
    spin(loops)
    return (time.thread_time_ns() - begin) / 1e9


def lognormal(random_, mean, sigma):
    return random_.lognormvariate(0, sigma) * mean / 2.718281828459045 ** (sigma * sigma / 2)


def seeded(*what):
    return random.Random(repr(what))
