"""Monitor: one training as it goes: loss, speed, memory, time left, what it says, and the molecules of its latest checkpoint."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer

from cryohype_app.background import Latest
from cryohype_app.jobs.devices import Device, HostUse, host_use
from cryohype_app.jobs.log import tail
from cryohype_app.plots.curves import training_figure
from cryohype_app.plots.particles import grey, img_tag, montage
from cryohype_app.services import Services
from cryohype_app.store import sentence
from cryohype_app.views.log import LogView
from cryohype_app.views.page import Frame, argument, panel, plain
from cryohype_app.views.words import Words
from cryohype_app.worker.client import VolumeWorker
from cryohype_app.worker.request import VolumeRequest
from cryohype_model.errors import CryoHypeError
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import Manifest, read_manifest
from cryohype_model.runs.run import read_config

LOOK_MS = 2000
LOG_BYTES = 6000
MOLECULES = 6  # particles whose maps are shown
MOST_POINTS = 2000  # of a curve


@dataclass(frozen=True)
class Glance:
    """What one look at a run found."""

    manifest: Manifest
    metrics: pd.DataFrame
    log: str
    checkpoint: str
    use: str


def monitor_page(services: Services, frame: Frame) -> None:
    """The page of one run, named by ``?run=``; without one, the newest."""
    runs = services.data.runs()
    run_id = argument("run") or next((found.manifest.id for found in runs if found.manifest is not None), "")
    frame.keep_run(run_id)
    try:
        view = MonitorView(services, run_id, frame)
    except CryoHypeError as error:
        frame.show_problem(sentence(error))
        return
    frame.show(view)


class MonitorView(Viewer):
    """Curves and facts that follow the files of a run; any number of sessions may watch the same one."""

    def __init__(self, services: Services, run_id: str, frame: Frame) -> None:
        super().__init__()
        self.services, self.run_id, self.frame = services, run_id, frame
        self.run = services.data.run(run_id)
        self.epochs = read_config(self.run).training.epochs
        self._looking = Latest(pn.state.curdoc, lambda error: frame.tell(sentence(error)))
        self._drawing = Latest(pn.state.curdoc, self._no_molecules)
        self.plot, self.sources = training_figure()
        self.numbers = Words("", margin=(2, 8))
        self.bar = pmui.LinearProgress(value=0, variant="determinate", sizing_mode="stretch_width", margin=(4, 8))
        self.log = LogView("calc(40vh - 66px)", margin=0)
        self.molecules = pn.pane.HTML("", sizing_mode="stretch_width", margin=8)
        self.caption = Words("No checkpoint yet.", variant="caption", margin=(0, 8))
        self._checkpoint = ""
        self._draw(glance(services, self.run))
        pn.state.add_periodic_callback(self._look, LOOK_MS)

    def __panel__(self) -> Any:
        loss = pn.Column(
            self.numbers, self.bar, pn.pane.Bokeh(self.plot, sizing_mode="stretch_both"), sizing_mode="stretch_both", margin=0
        )
        pictures = pn.Column(self.caption, self.molecules, sizing_mode="stretch_width", margin=0)
        right = pn.Column(
            panel("Molecules of the latest checkpoint", pictures, grow=3),
            panel("Log", self.log, grow=2),
            sizing_mode="stretch_both",
        )
        row = pn.Row(panel(f"Training · {self.run.path.name}", loss), right, sizing_mode="stretch_both", margin=4)
        row.styles = {"height": "calc(100vh - 58px)"}
        return row

    def _look(self) -> None:
        self._looking.ask(lambda: glance(self.services, self.run), self._draw)

    def _draw(self, seen: Glance) -> None:
        steps, epochs = (_thinned(seen.metrics, split) for split in ("step", "epoch"))
        for name, table, column in (("step", steps, "loss"), ("epoch", epochs, "loss"), ("floor", epochs, "noise_floor")):
            data = _curve(table, column)
            if len(data["step"]) != len(self.sources[name].data["step"]):
                self.sources[name].data = data
        self.numbers.object, share = standing(seen, self.epochs)
        self.bar.value = round(100 * share)
        self.log.show(seen.log)
        if seen.checkpoint and seen.checkpoint != self._checkpoint:
            self._checkpoint = seen.checkpoint
            count = seen.manifest.particles
            self._drawing.ask_async(
                lambda: self._molecules_of(seen.checkpoint, count), lambda tag: self._molecules(seen.checkpoint, tag)
            )

    async def _molecules_of(self, checkpoint: str, count: int) -> str:
        return await molecules(await self.services.follow(self.run_id, checkpoint), count)

    def _molecules(self, checkpoint: str, tag: str) -> None:
        self.molecules.object = tag
        self.caption.object = f"{MOLECULES} particles' molecules, projected along z, y and x · {checkpoint}"

    def _no_molecules(self, error: Exception) -> None:
        self.caption.object = plain(sentence(error))


def glance(services: Services, run: Run) -> Glance:
    """Read what changes while a run trains."""
    names = sorted(path.stem for path in run.checkpoints.glob("step-*.ckpt"))
    use = machine_use(host_use(), services.devices)
    return Glance(read_manifest(run), services.data.metrics(run), tail(run.log, LOG_BYTES), names[-1] if names else "", use)


def machine_use(host: HostUse, devices: tuple[Device, ...]) -> str:
    """How busy the machine and each of its GPUs are, in words."""
    words = [f"CPU {host.cpu_percent:.0f} %, memory {host.memory_used_bytes / 1e9:.1f} of {host.memory_total_bytes / 1e9:.1f} GB"]
    for device in devices:
        if device.memory_used_bytes is not None and device.memory_total_bytes is not None:
            busy = "" if device.utilization_percent is None else f" {device.utilization_percent:.0f} %,"
            memory = f"{device.memory_used_bytes / 1e9:.1f} of {device.memory_total_bytes / 1e9:.1f} GB"
            words.append(f"{device.id.replace('cuda:', 'GPU ')}{busy} {memory}")
    return " · ".join(words)


async def molecules(worker: VolumeWorker, count: int) -> str:
    """An HTML picture of the molecules of some particles spread over the set, three projections each."""
    rows = np.unique(np.linspace(0, count - 1, MOLECULES).astype(np.int64))
    pictures: list[Any] = []
    for row in rows:
        volume_id = ""
        async for stage in worker.stages(VolumeRequest(f"monitor-{row}", np.array([row]), "particle", coarsest_px=1 << 20)):
            volume_id = stage.volume_id
        sums = await worker.projections(volume_id)
        pictures += [grey(array) for array in (sums.along_z, sums.along_y, sums.along_x)]
    return img_tag(montage(np.stack(pictures), 6), f"projections of {len(rows)} molecules")


def _thinned(metrics: pd.DataFrame, split: str) -> pd.DataFrame:
    table = metrics[metrics["split"] == split] if "split" in metrics else metrics
    return table.iloc[:: max(1, len(table) // MOST_POINTS)]


def _curve(table: pd.DataFrame, column: str) -> dict[str, Any]:
    if column not in table:
        return {"step": [], "loss": []}
    return {"step": table["step"].to_numpy(), "loss": table[column].to_numpy(np.float64)}


def standing(seen: Glance, epochs: int) -> tuple[str, float]:
    """Numbers in a line, and how much of the training is done; before the first step what the log said last."""
    manifest, metrics = seen.manifest, seen.metrics
    share = min(1.0, manifest.epochs_done / max(1, epochs))
    words = [f"**{manifest.status}**", f"epoch {manifest.epochs_done} of {epochs}"]
    if len(metrics):
        last = metrics.iloc[-1]
        speed = float(last.get("images_per_s", math.nan))
        words += [f"loss {last['loss']:.4f}", f"learning rate {last.get('lr', math.nan):.2g}"]
        if math.isfinite(speed) and speed > 0:
            words += [f"{speed:,.0f} images/s", f"{last.get('memory_gb', math.nan):.1f} GB"]
            left = (epochs - manifest.epochs_done) * manifest.particles / speed
            words += [f"{_duration(left)} left"] if manifest.status == "running" else []
    elif manifest.status == "running" and (said := seen.log.strip()):
        words.append(plain(said.splitlines()[-1].split("  ", 1)[-1]))
    return " · ".join([*words, seen.use, *([plain(manifest.message)] if manifest.message else [])]), share


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
