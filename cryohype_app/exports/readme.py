"""README.txt of an export: what lies where, and with which programs it opens."""

from __future__ import annotations

from collections.abc import Sequence

from cryohype_app import __version__
from cryohype_app.exports.items import Item
from cryohype_app.exports.source import ExportSource
from cryohype_app.exports.wish import Wish

PARTS = {
    "maps": "maps/              maps of the network, each with a .json of how it was made; volumes.json lists them.\n"
    "                   napari reads the folder, `cryohype evaluate maps --truth …` compares it with true maps.",
    "halves": "backprojections/   maps of the particles themselves, without the network; half maps and FSC curves beside them.",
    "script": "open.cxc           opens all maps in ChimeraX, with their levels and colours: double-click it, or open it there.",
    "report": "report.html        figures and numbers on one page; any browser opens it, also without a network.",
}


def readme_text(source: ExportSource, wish: Wish, items: Sequence[Item]) -> str:
    """The text of the file."""
    parts = [text for form, text in PARTS.items() if form in wish.forms]
    if wish.forms & {"star", "cs", "pkl"}:
        parts.append(_particles(source, wish))
    names = "\n".join(f"  {item.name}: {len(item.rows):,} particle{'' if len(item.rows) == 1 else 's'}" for item in items)
    return (
        f"{source.run.path.name}, exported by CryoHype {__version__}\n"
        f"run {source.run_id}, checkpoint {source.checkpoint}\n\n" + "\n".join(parts) + f"\n\nStructures\n{names}\n"
    )


def _particles(source: ExportSource, wish: Wish) -> str:
    original = source.table().source.path
    words = [f"particles/         the particles of each structure, from {original}."]
    if wish.forms & {"star", "cs"}:
        words.append(
            "                   Image names are as they were in it: use the files where the original works (its project folder)."
        )
    if "pkl" in wish.forms:
        words.append("                   .pkl is cryoDRGN's index file: zero-based rows of the original.")
    return "\n".join(words)
