"""A file browser that is confined to the folders of the server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from cryohype_app.roots import FolderEntry, Roots
from cryohype_app.views.page import plain
from cryohype_app.views.words import Words
from cryohype_model.errors import CryoHypeError

MOST_SHOWN = 200


class FileBrowser(Viewer):
    """Folders and particle files; ``picked`` is told of the file that is clicked.

    Parameters
    ----------
    roots : what may be seen. start : folder to begin in.
    """

    def __init__(self, roots: Roots, start: Path, picked: Callable[[Path], None]) -> None:
        super().__init__()
        self.roots, self.picked = roots, picked
        self.folder = start
        self.where = Words("", variant="caption", margin=(0, 8))
        self.lines = pmui.MenuList(dense=True, sizing_mode="stretch_width", margin=0)
        self.lines.on_click(self._clicked)
        self.open(start)

    def __panel__(self) -> Any:
        return pn.Column(self.where, self.lines, sizing_mode="stretch_width", margin=0)

    def open(self, folder: Path) -> None:
        """Show a folder."""
        try:
            entries = self.roots.entries(folder)
        except CryoHypeError as error:
            self.where.object = plain(str(error))
            return
        self.folder = folder
        self.entries = {entry.name + ("/" if entry.is_folder else ""): entry for entry in entries[:MOST_SHOWN]}
        more = f" · the first {MOST_SHOWN} of {len(entries)}" if len(entries) > MOST_SHOWN else ""
        self.where.object = plain(f"{folder}{more}")
        up = [{"label": "..", "icon": "arrow_upward"}] if self._has_parent() else []
        self.lines.items = [*up, *(_item(name, entry) for name, entry in self.entries.items())]

    def _has_parent(self) -> bool:
        try:
            self.roots.checked(self.folder.parent)
        except CryoHypeError:
            return False
        return True

    def _clicked(self, item: dict[str, Any]) -> None:
        name = str(item["label"])
        if name == "..":
            self.open(self.folder.parent)
        elif name in self.entries:
            entry = self.entries[name]
            if entry.is_folder:
                self.open(entry.path)
            else:
                self.picked(entry.path)


def _item(name: str, entry: FolderEntry) -> dict[str, Any]:
    size = "" if entry.is_folder else f"{entry.bytes / 1e6:,.1f} MB"
    return {"label": name, "icon": "folder" if entry.is_folder else "description", "secondary": size}
