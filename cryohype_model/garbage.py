"""Garbage of Python: looked for rarely while everything stays, and at once where much has just become some."""

from __future__ import annotations

import atexit
import ctypes
import gc
from contextlib import suppress

OBJECTS = 50_000  # made and not yet freed before the youngest are looked through; Python's own is 700


def collect_rarely() -> None:
    """Look for cycles after every 50,000 new objects instead of 700, and not at all when Python ends: for a process of our own.

    Importing PyTorch, pandas and Bokeh makes hundreds of thousands of objects that stay: each search finds nothing, and the last
    one, when the process is about to end, takes as long as a small command's own work.
    """
    gc.set_threshold(OBJECTS, 10, 10)
    atexit.register(gc.freeze)


def collect_now() -> None:
    """Free what a large file left when it was read: cycles of pandas, and memory that glibc keeps for more of the same."""
    gc.collect()
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
