"""What was exported of a run before: fetch it, read its report, remove it."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from cryohype_app.background import Latest
from cryohype_app.exports.shelf import Export, delete_export, exports_folder, list_exports
from cryohype_app.services import Services
from cryohype_app.store import sentence
from cryohype_app.views.export.preview import size_text
from cryohype_app.views.page import Tell

MOST_SHOWN = 30
LOOK: dict[str, Any] = {"variant": "text", "size": "small", "margin": 1}


class FinishedView(Viewer):
    """One line an export, newest first."""

    def __init__(self, services: Services, run_id: str, tell: Tell) -> None:
        super().__init__()
        self.services, self.run_id, self.tell = services, run_id, tell
        self._looking = Latest(pn.state.curdoc, lambda error: tell(sentence(error)))
        self.lines = pn.Column(sizing_mode="stretch_width", margin=0)
        self.sure = pmui.Dialog(title="Remove this export?", open=False, close_on_click=True)
        self.refresh()

    def __panel__(self) -> Any:
        return pn.Column(self.lines, self.sure, sizing_mode="stretch_width", margin=0)

    def address(self, name: str, what: str = "") -> str:
        """Where the server answers an export, or its report."""
        return f"/api/v1/runs/{quote(self.run_id)}/exports/{quote(name)}{what}"

    def refresh(self) -> None:
        """Look at the disk."""
        self._looking.ask(lambda: list_exports(self._folder()), self._draw)

    def _folder(self) -> Path:
        return exports_folder(self.services.data.run(self.run_id), self.services.roots)

    def _draw(self, found: list[Export]) -> None:
        lines = [self._line(export) for export in found[:MOST_SHOWN]]
        if len(found) > MOST_SHOWN:
            lines.append(pmui.Typography(f"and {len(found) - MOST_SHOWN} older ones in {self._folder()}", variant="caption"))
        self.lines.objects = lines or [pmui.Typography("Nothing was exported yet.", variant="body2", margin=8)]

    def _line(self, export: Export) -> Any:
        count = len(export.facts.get("structures", ()))
        where = "" if export.is_zip else f" · {export.path}"
        words = f"{_when(export)}{size_text(export.bytes)} · {count} structure{'' if count == 1 else 's'}{where}"
        text = pn.Column(
            pn.pane.HTML(escape(export.name), margin=(4, 8, 0, 8), styles={"font-size": "13px"}),
            pn.pane.HTML(escape(words), margin=(0, 8, 4, 8), styles={"opacity": ".7", "font-size": "12px"}),
            sizing_mode="stretch_width", margin=0,
        )  # fmt: skip
        buttons = []
        if export.is_zip:
            buttons.append(pmui.Button(label="Download", icon="download", href=self.address(export.name), target="_self", **LOOK))
        if export.has_report:
            report = self.address(export.name, "/report")
            buttons.append(pmui.Button(label="Report", icon="article", href=report, target="_blank", **LOOK))
        remove = pmui.IconButton(icon="delete", description=f"Remove {export.name}", size="small", margin=1)
        remove.on_click(lambda _: self._ask(export))
        return pn.Row(text, *buttons, remove, sizing_mode="stretch_width", margin=0)

    def _ask(self, export: Export) -> None:
        button = pmui.Button(label="Remove for ever", color="error", variant="contained", margin=8)
        button.on_click(lambda _: self._remove(export.name))
        self.sure.objects = [pn.pane.HTML(escape(f"{export.path}, {size_text(export.bytes)}"), margin=8), button]
        self.sure.open = True

    def _remove(self, name: str) -> None:
        self.sure.open = False
        self._looking.ask(lambda: self._removed(name), self._draw)

    def _removed(self, name: str) -> list[Export]:
        delete_export(self._folder(), name)
        return list_exports(self._folder())


def _when(export: Export) -> str:
    """Date and time of day, as it was written."""
    return str(export.facts.get("exported", ""))[:16].replace("T", " ") + " UTC · "
