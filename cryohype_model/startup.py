"""What a process of ours does first: it lets Python look for garbage less often."""

from __future__ import annotations

import atexit
import gc

OBJECTS = 50_000  # made and not yet freed before the youngest are looked through; Python's own is 700


def collect_rarely() -> None:
    """Look for cycles after every 50,000 new objects instead of 700, and not at all when Python ends.

    Importing PyTorch, pandas and Bokeh makes hundreds of thousands of objects that stay: each search finds nothing, and the last
    one, when the process is about to end, takes as long as a small command's own work.
    """
    gc.set_threshold(OBJECTS, 10, 10)
    atexit.register(gc.freeze)
