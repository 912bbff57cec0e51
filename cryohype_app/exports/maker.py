"""Make an export: maps and back-projections by the volume worker, the rest here, all into one folder."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cryohype_app import __version__
from cryohype_app.exports.chimerax import ScriptedMap, chimerax_script
from cryohype_app.exports.findings import Finding, MapFacts, pictures_of
from cryohype_app.exports.items import Item
from cryohype_app.exports.pace import ONLY_THE_LAST, UNKNOWN, Pace, decoded_method, total_seconds
from cryohype_app.exports.plan import MOST_DRAWN, PlannedStep, particle_groups, planned_steps
from cryohype_app.exports.progress import Progress, in_thread, whole
from cryohype_app.exports.readme import readme_text
from cryohype_app.exports.report.page import report_page
from cryohype_app.exports.source import ExportSource
from cryohype_app.exports.wish import Wish
from cryohype_app.worker.request import VolumeRequest
from cryohype_model.errors import MetricError
from cryohype_model.io.atomic import write_atomically
from cryohype_model.io.export import export_selection
from cryohype_model.runs.layout import RUN_FORMAT_VERSION
from cryohype_model.runs.manifest import utc_now
from cryohype_model.runs.volumes import start_volume_series, write_volume_series


class ExportMaker:
    """One export being made.

    Parameters
    ----------
    folder : an empty one that all is written into. slot : whose requests the worker is asked.
    """

    def __init__(
        self, source: ExportSource, wish: Wish, items: Sequence[Item], folder: Path, slot: str, pace: Pace | None = None
    ) -> None:
        self.source, self.wish, self.items, self.folder, self.slot = source, wish, items, folder, slot
        self.pace = pace or UNKNOWN
        self.steps = planned_steps(wish, items)
        self.progress = Progress(total_seconds(self.steps, self.pace, wish.method))
        self.findings = {item.stem: Finding(item) for item in items}

    async def make(self) -> None:
        """Everything, meta.json last.

        Raises
        ------
        CryoHypeError : one sentence; the folder is then incomplete, and the caller's to remove.
        OSError : the disk is full or gone.
        """
        began = time.monotonic()
        doing = {
            "map": self._map,
            "backprojection": self._backproject,
            "measure": self._measure,
            "particles": self._particles,
            "report": self._report,
        }
        await in_thread(self._make_folders)
        for step in self.steps:
            self.progress.begin(step.doing, self.pace.seconds(step, self.wish.method))
            await doing[step.kind](step)
        await in_thread(partial(self._finish, began))

    def provenance(self) -> dict[str, Any]:
        """Which run and program made it."""
        manifest = self.source.manifest()
        return {
            "run_id": self.source.run_id,
            "run": str(self.source.run.path),
            "particles_file": manifest.source,
            "cryohype": __version__,
            "exported": utc_now().isoformat(),
        }

    async def _map(self, step: PlannedStep) -> None:
        (item,) = step.items
        found = self.findings[item.stem]
        found.map, array = await self._decoded(item)
        if "maps" in self.wish.forms:
            await whole(self.source.worker.save(found.map.volume_id, self._series / f"{item.stem}.mrc"))
        if "report" in self.wish.forms and item in self.items[:MOST_DRAWN]:
            level, colour = found.map.level, item.colour
            found.pictures = await in_thread(lambda: pictures_of(array, level, colour))

    async def _decoded(self, item: Item) -> tuple[MapFacts, np.ndarray]:
        method, low_pass = decoded_method(item.kind, self.wish.method), self.wish.low_pass_angstrom
        how: dict[str, Any] = {"method": method, "box_px": self.wish.box_px, "most_encoded": len(item.rows)}
        request = VolumeRequest(self.slot, item.rows, coarsest_px=ONLY_THE_LAST, **how)
        async for stage in self.source.worker.stages(request):
            volume_id, level, array = stage.volume_id, stage.level, stage.array
        if low_pass is not None:
            volume_id = await self.source.worker.low_pass(volume_id, low_pass)
            held = await self.source.worker.volume(volume_id)
            level, array = held.level, held.array
        box, size, used = len(array), stage.pixel_size_angstrom, stage.rows_used
        facts = MapFacts(volume_id, method, stage.checkpoint, box, size, level, used, stage.particle, low_pass)
        return facts, array

    async def _backproject(self, step: PlannedStep) -> None:
        (item,) = step.items
        worker, found = self.source.worker, self.findings[item.stem]
        found.backprojection = made = await worker.backproject(item.rows, self.slot, self.progress.within)
        if "halves" not in self.wish.forms:
            return
        folder = self.folder / "backprojections"
        await whole(worker.save(made.volume_id, folder / f"{item.stem}.mrc"))
        await whole(worker.save(made.volume_id, folder / "halves" / f"{item.stem}_half1.mrc", 1))
        await whole(worker.save(made.volume_id, folder / "halves" / f"{item.stem}_half2.mrc", 2))
        await in_thread(lambda: _write_curve(folder / f"{item.stem}_fsc.csv", made.frequency_per_angstrom, made.fsc))

    async def _measure(self, step: PlannedStep) -> None:
        """The map's shape, its FSC with the back-projection and, where it is known, with the truth."""
        (item,) = step.items
        found, worker = self.findings[item.stem], self.source.worker
        if found.map is None:
            return
        volume_id, made = found.map.volume_id, found.backprojection
        found.metrics = await worker.metrics(volume_id, None if made is None else {"volume": made.volume_id})
        label, found.truth_share = self._commonest_label(item)
        if label is None:
            return
        try:
            found.truth = await worker.metrics(volume_id, {"truth": label})
        except MetricError:
            return  # labels without true maps

    def _commonest_label(self, item: Item) -> tuple[int | None, float]:
        """The true structure that most of the particles are of, and their share."""
        frame = self.source.frame
        if "label" not in frame.colours:
            return None, 0.0
        labels, counts = np.unique(frame.column("label")[item.rows], return_counts=True)
        best = int(labels[counts.argmax()])
        return (best if best >= 0 else None), float(counts.max() / counts.sum())

    async def _particles(self, step: PlannedStep) -> None:
        groups = particle_groups(self.items)
        stem = next(stem for stem, group in groups.items() if group == step.items)
        rows = np.unique(np.concatenate([item.rows for item in step.items]))
        path = self.folder / "particles" / f"{stem}.{step.form}"
        await in_thread(lambda: export_selection(self.source.table(), rows, path))

    async def _report(self, _: PlannedStep) -> None:
        findings = list(self.findings.values())
        page = await in_thread(lambda: report_page(self.source, self.wish, findings))
        await in_thread(lambda: write_atomically(self.folder / "report.html", page))

    @property
    def _series(self) -> Path:
        """Where maps are written before their series is complete."""
        return self.folder / "maps.partial"

    def _make_folders(self) -> None:
        wanted = self.wish.forms
        if "maps" in wanted:
            start_volume_series(self.folder, "maps")
        if "halves" in wanted and any(step.kind == "backprojection" for step in self.steps):
            (self.folder / "backprojections" / "halves").mkdir(parents=True)
        if wanted & {"star", "cs", "pkl"}:
            (self.folder / "particles").mkdir()

    def _finish(self, began: float) -> None:
        """Indices, script and README; meta.json says that all is there."""
        self.source.check_unchanged()
        provenance, findings = self.provenance(), list(self.findings.values())
        if "maps" in self.wish.forms:
            for found in findings:
                _write_json(self._series / f"{found.item.stem}.json", found.sidecar(provenance))
            facts = {"method": self.wish.method, "checkpoint": self.source.checkpoint, **provenance}
            write_volume_series(self.folder, "maps", [found.entry() for found in findings], facts)
        if "script" in self.wish.forms:
            write_atomically(self.folder / "open.cxc", self._script(findings))
        if (self.folder / "backprojections").is_dir():
            _write_json(self.folder / "backprojections" / "meta.json", _backprojection_facts(findings, provenance))
        write_atomically(self.folder / "README.txt", readme_text(self.source, self.wish, self.items))
        wish = self.wish.model_dump(mode="json") | {"forms": sorted(self.wish.forms)}
        facts = {"format_version": RUN_FORMAT_VERSION, **provenance, "checkpoint": self.source.checkpoint, "wish": wish}
        structures = [{"name": item.name, "kind": item.kind, "particles": len(item.rows)} for item in self.items]
        size = sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
        seconds = round(time.monotonic() - began, 1)
        _write_json(self.folder / "meta.json", facts | {"structures": structures, "bytes": size, "seconds": seconds})

    def _script(self, findings: Sequence[Finding]) -> str:
        maps = [
            ScriptedMap(
                f"maps/{found.item.stem}.mrc", found.item.name, found.item.colour, found.map.level, found.map.box_angstrom
            )
            for found in findings
            if found.map is not None
        ]
        return chimerax_script(maps, self.source.run.path.name)


def _backprojection_facts(findings: Sequence[Finding], provenance: dict[str, Any]) -> dict[str, Any]:
    """As ``cryohype backproject`` writes them."""
    maps = [
        {
            "map": f"{found.item.stem}.mrc",
            **found.item.subject,
            "particles": made.count,
            "box_px": made.box_px,
            "pixel_size_angstrom": made.pixel_size_angstrom,
            "resolution_0143_angstrom": made.resolution_0143_angstrom,
            "resolution_05_angstrom": made.resolution_05_angstrom,
        }
        for found in findings
        if (made := found.backprojection) is not None
    ]
    return {"maps": maps, **provenance}


def _write_curve(path: Path, frequency: np.ndarray, fsc: np.ndarray) -> None:
    lines = ["frequency_1_per_angstrom,fsc", *(f"{x:.6f},{y:.6f}" for x, y in zip(frequency, fsc, strict=True))]
    write_atomically(path, "\n".join(lines) + "\n")


def _write_json(path: Path, content: dict[str, Any]) -> None:
    write_atomically(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
