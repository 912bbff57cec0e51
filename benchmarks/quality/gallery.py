"""Maps of several methods beside the truth, as projections: one column a structure.

    .venv/bin/python -m benchmarks.quality.gallery OUT/data -o maps.png CryoHype=OUT/ours/seed-0 cryoDRGN=OUT/cryoDRGN/seed-0

The runs must have been made with ``--keep --maps 1``: their maps are those of the first image of each structure.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from cryohype_model.io.mrc import read_volume
from cryohype_model.metrics.pairs import labelled_truths

TRUTH = "truth"
COLUMNS, DPI = 10, 130
Pictures = list[tuple[npt.NDArray[np.float32], str]]


def projection(path: Path) -> npt.NDArray[np.float32]:
    """(y, x) sum along z."""
    volume: npt.NDArray[np.float32] = read_volume(path)[0].sum(axis=0)
    return volume


def maps_of(run: Path) -> list[Path]:
    """Maps of single images, in the order of the structures."""
    found = [path for path in (run / "maps" / "single").glob("*.mrc") if re.search(r"\d+$", path.stem)]
    return sorted(found, key=lambda path: int(re.sub(r"\D", "", path.stem)))


def figure_of(rows: dict[str, Pictures]) -> Figure:
    """Rows of pictures, y upwards as in ChimeraX, each with its caption above."""
    columns = max(map(len, rows.values()))
    figure = Figure(figsize=(1.15 * columns + 0.9, 1.35 * len(rows)), dpi=DPI, layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes_of_row, (name, pictures) in zip(grid, rows.items(), strict=True):
        for axes, (picture, caption) in zip(axes_of_row, pictures, strict=True):
            axes.imshow(picture, cmap="gray", origin="lower", vmin=0, vmax=np.percentile(picture, 99.9))
            axes.set_title(caption, fontsize=8, pad=3)
            axes.set_xticks([])
            axes.set_yticks([])
        axes_of_row[0].set_ylabel(name, fontsize=9)
    return figure


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality.gallery", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("data", type=Path, help="folder of the images and their true maps")
    parser.add_argument("runs", nargs="+", metavar="NAME=DIR", help="of a method and seed")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="PNG")
    args = parser.parse_args()
    truths = labelled_truths(args.data)
    shown = [list(truths)[place] for place in np.linspace(0, len(truths) - 1, min(COLUMNS, len(truths))).round().astype(int)]
    rows: dict[str, Pictures] = {TRUTH: [(projection(truths[label][1]), truths[label][0]) for label in shown]}
    for name, _, folder in (word.partition("=") for word in args.runs):
        maps, score = maps_of(Path(folder)), json.loads((Path(folder) / "scores.json").read_text())
        rows[name] = [(projection(maps[label]), f"{score['per_map'][label][1]:.2f}") for label in shown]
    figure_of(rows).savefig(args.output)


if __name__ == "__main__":
    main()
