"""Numbers beside the volume: its shape, and how it agrees with a reference that the user chooses."""

from __future__ import annotations

from typing import Any

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from cryohype_app.background import Latest, on_document
from cryohype_app.frame import LatentFrame
from cryohype_app.plots.curves import fsc_figure, show_curve
from cryohype_app.state import AppState
from cryohype_app.store import sentence
from cryohype_app.views.page import Tell
from cryohype_app.worker.client import VolumeWorker
from cryohype_app.worker.request import Reference
from cryohype_app.worker.results import MetricsResult

NOTHING, BACKPROJECTION, UPLOADED, TRUTH = "nothing", "back-projection of the selection", "uploaded map", "true structure "


class MetricsView(Viewer):
    """FSC and shape of the volume that is shown.

    Parameters
    ----------
    worker : computes. state : of the session: the reference may be made of what is selected.
    """

    def __init__(self, worker: VolumeWorker, frame: LatentFrame, state: AppState, tell: Tell) -> None:
        super().__init__()
        self.worker, self.data, self.state, self.tell = worker, frame, state, tell
        self.document = pn.state.curdoc
        self._measuring = Latest(self.document, lambda error: tell(sentence(error)))
        self._uploading = Latest(self.document, lambda error: tell(sentence(error)))
        labels = [f"{TRUTH}{label}" for label in frame.sizes("label") if label >= 0] if "label" in frame.colours else []
        self.reference = pmui.Select(
            label="Compare with", options=[NOTHING, BACKPROJECTION, *labels, UPLOADED], value=NOTHING, size="small", width=210,
        )  # fmt: skip
        self.upload = pmui.FileInput(accept=".mrc,.map", label="map", visible=False, width=150)
        self.plot, self.curve, self.halves = fsc_figure()
        self.numbers = pn.Row(sizing_mode="stretch_width", margin=0)
        self.volume_id, self.uploaded_id = "", ""
        self.reference.param.watch(lambda _: self._chosen(), "value")
        self.upload.param.watch(lambda _: self._upload(), "value")

    def __panel__(self) -> Any:
        return pn.Column(
            pn.Row(self.reference, self.upload, sizing_mode="stretch_width", margin=0),
            self.numbers,
            pn.pane.Bokeh(self.plot, sizing_mode="stretch_both", margin=0),
            sizing_mode="stretch_both",
            margin=0,
        )

    def measure(self, volume_id: str) -> None:
        """Measure this volume; an empty id empties the numbers."""
        self.volume_id = volume_id
        if not volume_id:
            on_document(self.document, lambda: self._show(None))
            return
        reference = self._reference()
        self._measuring.ask_async(lambda: self.worker.metrics(volume_id, reference), self._came)

    def _reference(self) -> Reference | None:
        choice = str(self.reference.value)
        if choice == BACKPROJECTION:
            return {"backprojection": self.state.chosen.rows}
        if choice == UPLOADED:
            return {"volume": self.uploaded_id} if self.uploaded_id else None
        return {"truth": int(choice.removeprefix(TRUTH))} if choice.startswith(TRUTH) else None

    def _chosen(self) -> None:
        self.upload.visible = self.reference.value == UPLOADED
        if self.volume_id:
            self.measure(self.volume_id)

    def _upload(self) -> None:
        content = self.upload.value
        if content:
            self._uploading.ask_async(lambda: self.worker.add_map(content), self._uploaded)

    def _uploaded(self, volume_id: str) -> None:
        self.uploaded_id = volume_id
        self._chosen()

    def _came(self, found: MetricsResult) -> None:
        if found.volume_id == self.volume_id:
            self._show(found)

    def _show(self, found: MetricsResult | None) -> None:
        seen = found or MetricsResult(self.volume_id, None)
        show_curve(self.plot, self.halves, seen.half_frequency_per_angstrom, seen.half_fsc)
        show_curve(self.plot, self.curve, seen.frequency_per_angstrom, seen.fsc)
        self.numbers.objects = [_number(name, value, unit) for name, value, unit in _rows(found)]


def _rows(found: MetricsResult | None) -> list[tuple[str, str, str]]:
    """Name, value and unit of what was measured."""
    if found is None:
        return []
    rows = [
        ("volume", found.enclosed_volume_angstrom3, "10³ Å³", 1e-3),
        ("radius of gyration", found.radius_of_gyration_angstrom, "Å", 1),
        ("FSC-AUC", found.fsc_auc, f"of {found.perfect_auc:.3f}" if found.perfect_auc else "", 1),
        ("FSC 0.5", found.resolution_05_angstrom, "Å", 1), ("FSC 0.143", found.resolution_0143_angstrom, "Å", 1),
        ("vIoU", found.viou, "", 1), ("Chamfer", found.chamfer_angstrom, "Å", 1),
    ]  # fmt: skip
    return [(name, f"{value * factor:.3g}", unit) for name, value, unit, factor in rows if value is not None]


def _number(name: str, value: str, unit: str) -> Any:
    text = f"**{value}** {unit}"
    return pn.Column(
        pmui.Typography(name, variant="caption", margin=(0, 8)),
        pmui.Typography(text, variant="body2", margin=(0, 8)),
        margin=(0, 2),
    )
