"""The demo's report: one self-contained HTML page with the figures and pictures of a simulated mixture."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cryohype_model.errors import RunError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Volume = npt.NDArray[np.float32]

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #1d2430; }
h1 { font-size: 1.7rem; margin-bottom: .2rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
table { border-collapse: collapse; } td, th { padding: .25rem .9rem .25rem 0; text-align: left; border-bottom: 1px solid #dde; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr)); gap: 1rem 2rem; align-items: start; }
.grid .wide { grid-column: 1 / -1; }
figure { margin: 1rem 0; } figcaption { color: #566072; font-size: .92rem; } img { max-width: 100%; height: auto; }
.warned { color: #b3261e; }
pre { background: #f3f5f8; padding: .8rem; overflow-x: auto; font-size: .85rem; } .lead { color: #566072; }
"""

PICTURES = {
    "umap_by_cluster.png": "Latent space of every particle: UMAP of the principal components, coloured by the cluster found.",
    "umap_by_label.png": "The same, coloured by the true structure: the colours should agree with the clusters.",
    "medoid_maps.png": "The map of each cluster's medoid particle, seen along three axes.",
    "training_loss.png": "Training loss. Below the noise floor a network copies noise.",
    "fsc_curves.png": "FSC against the true maps, averaged over structures: of maps from single images, and of the bound.",
    "confusion.png": "Clusters matched to structures.",
    "histograms.png": "Spread of each metric over the maps.",
}
QUALITY_CAPTION = (
    "Half maps: FSC of the particles of a cluster among themselves. Grey: what a right map reaches against all of them. "
    "Blue: what the network's map reaches. Dotted: what it would reach if all the detail that it shows were true; "
    "where dotted lies well above blue, detail is not in the particles."
)
WIDE = {"medoid_maps.png"}  # many panels side by side: the whole width of the page


def write_demo_report(folder: Path, facts: dict[str, Any], commands: Sequence[Sequence[str]]) -> Path:
    """Write ``report.html`` and ``report.json``.

    Parameters
    ----------
    folder : of the demo, with data, bound and run inside.
    facts : the figures of the evaluation.
    commands : words of the commands that were run.
    """
    comparison = folder / "structures.png"
    comparison_figure(folder).savefig(comparison, dpi=110)
    body = [
        "<h1>CryoHype demo</h1>",
        f"<p class='lead'>{facts['images']} simulated images of {facts['structures']} made-up complexes, mixed: "
        "which image shows which complex was not told to the network.</p>",
        _table(facts),
        "<h2>Structures</h2>",
        _picture(
            comparison, "True map, map generated from one single noisy image, and back-projection of all images with true labels."
        ),
        *_quality(folder),
        "<h2>Latent space and training</h2>",
        "<div class='grid'>",
        *_pictures(folder),
        "</div>",
        "<h2>The commands</h2>",
        "<pre>" + html.escape("\n".join("cryohype " + " ".join(words) for words in commands)) + "</pre>",
    ]
    head = f"<meta charset='utf-8'><title>CryoHype demo</title><style>{STYLE}</style>"
    page = f"<!doctype html><html lang='en'>{head}{''.join(body)}</html>"
    (folder / "report.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    report = folder / "report.html"
    report.write_text(page, encoding="utf-8")
    return report


def comparison_figure(folder: Path) -> Figure:
    """One column a structure; projections of the true map, of ours and of the back-projection."""
    from matplotlib.figure import Figure

    from cryohype_model.io.mrc import read_volume

    truth = json.loads((folder / "data" / "truth.json").read_text(encoding="utf-8"))["structures"]
    evaluation = next(iter(sorted((folder / "run" / "evaluation").glob("*/volumes"))))
    rows = {"true map": [], "from one image": [], "back-projection": []}  # type: dict[str, list[Volume]]
    for entry in truth:
        label = int(entry["label"])
        rows["true map"].append(read_volume(folder / "data" / entry["map"])[0])
        rows["from one image"].append(read_volume(evaluation / f"structure_{label:04d}_image_00.mrc")[0])
        rows["back-projection"].append(read_volume(folder / "bound" / f"class_{label:04d}.mrc")[0])
    figure = Figure(figsize=(1.75 * len(truth), 5.6), layout="constrained")
    panels = figure.subplots(3, len(truth), squeeze=False)
    for panel_row, (name, volumes) in zip(panels, rows.items(), strict=True):
        for panel, volume, entry in zip(panel_row, volumes, truth, strict=True):
            panel.imshow(volume.sum(axis=0), cmap="gray", origin="lower")
            panel.set(xticks=[], yticks=[])
            if name == "true map":
                panel.set_title(entry["name"], fontsize=9)
        panel_row[0].set_ylabel(name)
    return figure


def _quality(folder: Path) -> list[str]:
    """What is known of the maps without the truth: their table and its picture; nothing where it was not measured."""
    from cryohype_model.cli.quality_table import COLUMNS, LEGEND, quality_cells
    from cryohype_model.runs.latents import read_latents
    from cryohype_model.runs.quality import read_quality
    from cryohype_model.runs.run import open_run

    try:
        table = read_quality(read_latents(open_run(folder / "run")))
    except RunError:
        return []
    head = "".join(f"<th>{html.escape(name)}</th>" for name in COLUMNS)
    rows = []
    for one in table.maps:
        cells = "".join(f"<td class='number'>{html.escape(cell)}</td>" for cell in quality_cells(one))
        kind = " class='warned'" if one.warned else ""
        rows.append(f"<tr>{cells}<td{kind}>{html.escape(one.sentence)}</td></tr>")
    return [
        "<h2>Without the truth: are the maps in their particles?</h2>",
        "<p>What can be asked of real data too: the map of each cluster's medoid beside the back-projection of the particles of "
        f"that cluster. {html.escape(LEGEND)}</p>",
        f"<table><tr>{head}</tr>{''.join(rows)}</table>",
        _picture(table.path.parent / "figures" / "quality.png", QUALITY_CAPTION, wide=True),
    ]


def _pictures(folder: Path) -> list[str]:
    """The pictures that analysis and evaluation left, in the order of ``PICTURES``."""
    found = {path.name: path for path in sorted((folder / "run").glob("**/*.png"))}
    return [_picture(found[name], caption, name in WIDE) for name, caption in PICTURES.items() if name in found]


def _picture(path: Path, caption: str, wide: bool = False) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    text = html.escape(caption)
    place = " class='wide'" if wide else ""
    return f"<figure{place}><img alt='{text}' src='data:image/png;base64,{data}'><figcaption>{text}</figcaption></figure>"


def _table(facts: dict[str, Any]) -> str:
    """The figures that matter, each with the best that could be expected."""
    lines = [
        (
            "FSC-AUC, mean over maps from single images",
            facts["fsc_auc"],
            "back-projection with true labels",
            facts["fsc_auc_bound"],
        ),
        (
            "  share of the bound",
            facts["fsc_auc"] / facts["fsc_auc_bound"],
            "perfect FSC-AUC of this box",
            facts["fsc_auc_perfect"],
        ),
        ("clustering accuracy", facts["accuracy"], "perfect", 1.0),
        ("vIoU", facts["viou"], "back-projection with true labels", facts["viou_bound"]),
        ("Chamfer distance (Å)", facts["chamfer_angstrom"], "back-projection with true labels", facts["chamfer_angstrom_bound"]),
        ("seconds, all steps", facts["seconds"], "", None),
    ]
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td class='number'>{_number(value)}</td>"
        f"<td>{html.escape(beside)}</td><td class='number'>{_number(reference)}</td></tr>"
        for name, value, beside, reference in lines
    )
    return f"<table><tr><th>metric</th><th>CryoHype</th><th>compare with</th><th></th></tr>{rows}</table>"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.3f}"
