"""What a process does for itself and for its neighbours: how often it looks for garbage, and how its threads wait."""

from __future__ import annotations

import atexit
import ctypes
import gc
import os
from contextlib import suppress

OBJECTS = 50_000  # made and not yet freed before the youngest are looked through; Python's own is 700
SPINS = 300  # turns of a loop, about ten microseconds; the own number of GNU OpenMP is 300,000, some milliseconds


def begin_process() -> None:
    """For the first line of a process of our own, before PyTorch is imported."""
    collect_rarely()
    wait_briefly()


def collect_rarely() -> None:
    """Look for cycles after every 50,000 new objects instead of 700, and not at all when Python ends.

    Importing PyTorch, pandas and Bokeh makes hundreds of thousands of objects that stay: each search finds nothing, and the last
    one, when the process is about to end, takes as long as a small command's own work.
    """
    gc.set_threshold(OBJECTS, 10, 10)
    atexit.register(gc.freeze)


def wait_briefly() -> None:
    """Let threads of PyTorch that wait for each other sleep soon, instead of keeping their cores busy.

    On a core that is shared, the one that all wait for may be the one that does not get it: beside as many busy processes a
    training of 16 s takes minutes (benchmarks/results/sharing.md).
    What the user has set stays. GNU OpenMP reads its variables when it is loaded, with PyTorch.
    """
    if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
        os.environ["GOMP_SPINCOUNT"] = str(SPINS)


def collect_now() -> None:
    """Free what a large file left when it was read: cycles of pandas, and memory that glibc keeps for more of the same."""
    gc.collect()
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
