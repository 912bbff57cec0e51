"""Two runs beside each other: their trainings in one figure, the settings that differ, and what was found of them."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
import panel as pn
from panel.viewable import Viewer

from cryohype_app.background import Latest
from cryohype_app.plots.trainings import show_trainings, training_curves, trainings_figure
from cryohype_app.store import DataStore, sentence
from cryohype_app.views.compare.address import Place
from cryohype_app.views.page import Tell
from cryohype_app.views.words import Words
from cryohype_model.config import RunConfig
from cryohype_model.runs.layout import Run, complete_folders
from cryohype_model.runs.manifest import Manifest, read_manifest
from cryohype_model.runs.run import read_config

ONE_RUN = "A and B are of one run. Choose another run for A or B: their trainings and settings are compared here."
MEASURES = {
    "fsc_auc": "FSC-AUC", "fsc_auc_bound": "FSC-AUC of the back-projection", "resolution_fsc05_angstrom": "FSC 0.5 (Å)",
    "resolution_fsc0143_angstrom": "FSC 0.143 (Å)", "viou": "vIoU", "chamfer_angstrom": "Chamfer distance (Å)",
    "accuracy": "accuracy by clusters",
    "adjusted_rand_index": "adjusted Rand index", "knn_accuracy": "accuracy by neighbours",
}  # fmt: skip
ABSENT = "–"
Row = tuple[str, str, str]


@dataclass(frozen=True, eq=False)
class RunFacts:
    """What is compared of a run.

    Attributes
    ----------
    measures : of its newest evaluation, empty where there is none. settings : ``section.key`` → value.
    """

    name: str
    manifest: Manifest
    settings: dict[str, Any]
    metrics: pd.DataFrame
    steps_per_epoch: float
    measures: dict[str, float] = field(default_factory=dict)


class RunsView(Viewer):
    """Curves and tables of the runs of both sides."""

    def __init__(self, data: DataStore, colours: tuple[str, str], tell: Tell) -> None:
        super().__init__()
        self.data, self.colours = data, colours
        self._reading = Latest(pn.state.curdoc, lambda error: tell(sentence(error)))
        self._places: tuple[Place, Place] | None = None
        self.plot, self.sources = trainings_figure(("A", "B"), colours)
        self.told = Words(ONE_RUN, variant="body2", margin=(4, 10))
        self.table = pn.pane.HTML("", sizing_mode="stretch_width", margin=(4, 10))

    def __panel__(self) -> Any:
        left = pn.Column(pn.pane.Bokeh(self.plot, sizing_mode="stretch_both"), sizing_mode="stretch_both", margin=0)
        right = pn.Column(self.table, sizing_mode="stretch_both", margin=0, styles={"overflow": "auto"})
        return pn.Column(
            self.told, pn.Row(left, right, sizing_mode="stretch_both", margin=0), sizing_mode="stretch_both", margin=0
        )

    def show(self, a: Place, b: Place) -> None:
        """Compare two runs; of one run there is nothing to compare."""
        if self._places == (a, b):
            return
        self._places = (a, b)
        if a.run_id == b.run_id:
            self._reading.ask(lambda: None, lambda _: self._empty())
        else:
            self._reading.ask(lambda: (run_facts(self.data, a), run_facts(self.data, b)), self._came)

    def _empty(self) -> None:
        self.told.object, self.table.object = ONE_RUN, ""
        show_trainings(self.plot, self.sources, [training_curves(pd.DataFrame(), 1)] * 2)

    def _came(self, facts: tuple[RunFacts, RunFacts]) -> None:
        self.told.object = ""
        self.table.object = runs_table(*facts, self.colours)
        show_trainings(self.plot, self.sources, [training_curves(found.metrics, found.steps_per_epoch) for found in facts])


def run_facts(data: DataStore, place: Place) -> RunFacts:
    """Read what is compared of a run.

    Raises
    ------
    CryoHypeError : there is no such run, or a file of it is damaged.
    """
    run = data.run(place.run_id)
    config, manifest, metrics = read_config(run), read_manifest(run), data.metrics(run)
    per_epoch = math.ceil(manifest.particles / config.training.batch_size)
    return RunFacts(run.path.name, manifest, settings_of(config), metrics, per_epoch, newest_evaluation(run))


def settings_of(config: RunConfig) -> dict[str, Any]:
    """Every setting as ``section.key``."""
    found: dict[str, Any] = {}

    def walk(tree: dict[str, Any], prefix: str) -> None:
        for key, value in tree.items():
            if isinstance(value, dict):
                walk(value, f"{prefix}{key}.")
            else:
                found[prefix + key] = value

    walk(config.model_dump(), "")
    return found


def differing(a: dict[str, Any], b: dict[str, Any]) -> list[Row]:
    """Name and both values of every setting that is not the same."""
    return [(key, _value(a.get(key)), _value(b.get(key))) for key in dict.fromkeys([*a, *b]) if a.get(key) != b.get(key)]


def newest_evaluation(run: Run) -> dict[str, float]:
    """The means of a run's newest evaluation; empty where there is none that can be read."""
    folders = sorted(complete_folders(run.evaluation), key=lambda folder: (folder / "meta.json").stat().st_mtime)
    return _means(folders[-1]) if folders else {}


def _means(folder: Path) -> dict[str, float]:
    try:
        means = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["means"]
        return {name: float(means[name]) for name in MEASURES if isinstance(means.get(name), int | float)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def runs_table(a: RunFacts, b: RunFacts, colours: tuple[str, str]) -> str:
    """HTML: how both runs stand, what was measured of them, and the settings that differ."""
    settings = differing(a.settings, b.settings)
    sections = [
        ("Runs", _standing(a, b)),
        ("Evaluation", _measures(a.measures, b.measures)),
        (f"Settings that differ ({len(settings)} of {len(a.settings)})", settings),
    ]
    body = "".join(_section(title, rows) for title, rows in sections if rows)
    heads = "".join(
        f'<th style="text-align:left;padding:2px 14px 2px 0"><span style="color:{colour}">●</span> {letter} · {escape(name)}</th>'
        for colour, letter, name in zip(colours, "AB", (a.name, b.name), strict=True)
    )
    return f'<table style="font-size:.82rem;border-collapse:collapse"><tr><th></th>{heads}</tr>{body}</table>'


def _standing(a: RunFacts, b: RunFacts) -> list[Row]:
    same = a.manifest.data_fingerprint == b.manifest.data_fingerprint != ""
    columns = [_column(facts) for facts in (a, b)]
    rows = [(name, columns[0][name], columns[1][name]) for name in columns[0]]
    return [*rows, ("same images", "yes" if same else "no", "")]


def _column(facts: RunFacts) -> dict[str, str]:
    manifest, metrics = facts.manifest, facts.metrics
    grid = f"{manifest.box_px} px at {manifest.pixel_size_angstrom:.3g} Å" if manifest.pixel_size_angstrom else ABSENT
    return {
        "status": manifest.status,
        "epochs": f"{manifest.epochs_done} of {facts.settings.get('training.epochs', ABSENT)}",
        "particles": f"{manifest.particles:,}",
        "images": grid,
        "last loss": f"{metrics['loss'].iloc[-1]:.4f}" if len(metrics) else ABSENT,
        "device": manifest.device or ABSENT,
        "created": f"{manifest.created:%Y-%m-%d %H:%M}",
        "CryoHype": manifest.versions.get("cryohype", ABSENT),
    }


def _measures(a: dict[str, float], b: dict[str, float]) -> list[Row]:
    known = [name for name in MEASURES if name in a or name in b]
    return [(MEASURES[name], _measure(a, name), _measure(b, name)) for name in known]


def _measure(measures: dict[str, float], name: str) -> str:
    return f"{measures[name]:.3f}" if name in measures else ABSENT


def _section(title: str, rows: list[Row]) -> str:
    lines = "".join(
        f'<tr><th style="text-align:left;font-weight:400;opacity:.75;padding:1px 14px 1px 0">{escape(name)}</th>'
        + "".join(f'<td style="padding:1px 14px 1px 0;overflow-wrap:anywhere">{escape(value)}</td>' for value in values)
        + "</tr>"
        for name, *values in rows
    )
    return f'<tr><th colspan="3" style="text-align:left;padding:10px 0 2px">{escape(title)}</th></tr>{lines}'


def _value(value: Any) -> str:
    if value is None:
        return "not set"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
