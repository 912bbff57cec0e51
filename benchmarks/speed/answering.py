"""The side of a contender: a process that stays warm and answers one request at a time (standard library only)."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

Duty = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def serve(duties: Mapping[str, Duty]) -> None:
    """Do what is asked for until standard input ends.

    A request is one JSON object a line with the name of the duty under ``do``; the answer is one too: the facts that the duty
    returns, the seconds that it took on the wall and of processor time, and the peak memory of the process in MiB.
    """
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints must not come between the answers
    for line in sys.stdin:
        request = json.loads(line)
        wall, cpu = time.perf_counter(), time.process_time()
        facts = duties[request["do"]](request)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts in KiB
        answers.write(json.dumps({"wall": wall, "cpu": cpu, "peak_mib": peak, **facts}) + "\n")
