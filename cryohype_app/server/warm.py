"""What nobody should wait for later is done while the server starts: compilers, imports, a look through all that was imported."""

from __future__ import annotations

import gc
import sys
import threading


def warm_up() -> threading.Thread:
    """In a thread of its own; the server answers meanwhile."""
    thread = threading.Thread(target=_warm, name="warm-up", daemon=True)
    thread.start()
    return thread


def _warm() -> None:
    _compile()
    _import()
    gc.collect()
    gc.freeze()  # a full collection would go through half a million objects of the libraries again, and hold up everybody


def _compile() -> None:
    """Datashader's kernels."""
    import numpy as np
    import pandas as pd

    from cryohype_app.plots.raster import View, rasterize

    view = View((-1.0, 1.0), (-1.0, 1.0), 8, 8)
    for dtype in (np.int64, np.float32):
        points = pd.DataFrame({name: np.zeros(4, np.float32) for name in "xy"} | {"value": np.zeros(4, dtype)})
        for kind in ("density", "category") if dtype is np.int64 else ("quantity",):
            rasterize(points, view, kind)


def _import() -> None:
    """What pages import late: colorcet a part of matplotlib with the first picture, and Panel the rest with the next page."""
    import colorcet  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    if "matplotlib" in sys.modules:
        import matplotlib.figure  # noqa: F401
