"""The first picture should not wait for a compiler: datashader's kernels are compiled while the server starts."""

from __future__ import annotations

import threading


def warm_up() -> threading.Thread:
    """Compile in a thread of its own; the server answers meanwhile."""
    thread = threading.Thread(target=_compile, name="warm-up", daemon=True)
    thread.start()
    return thread


def _compile() -> None:
    import numpy as np
    import pandas as pd

    from cryohype_app.plots.raster import View, rasterize

    view = View((-1.0, 1.0), (-1.0, 1.0), 8, 8)
    for dtype in (np.int64, np.float32):
        points = pd.DataFrame({name: np.zeros(4, np.float32) for name in "xy"} | {"value": np.zeros(4, dtype)})
        for kind in ("density", "category") if dtype is np.int64 else ("quantity",):
            rasterize(points, view, kind)
