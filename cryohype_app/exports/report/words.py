"""What the report says in sentences: provenance, methods, how to open the files."""

from __future__ import annotations

from html import escape

from cryohype_app import __version__
from cryohype_app.exports.findings import Finding
from cryohype_app.exports.source import ExportSource
from cryohype_app.exports.wish import Wish
from cryohype_model.runs.manifest import utc_now

CITATION = (
    "Gu, Jeon, Ma, Yeung-Levy and Zhong: <i>CryoHype: Reconstructing a thousand cryo-EM structures with transformer-based "
    'hypernetworks</i>, <a href="https://arxiv.org/abs/2512.06332">arXiv 2512.06332</a> (2025).'
)


def provenance_rows(source: ExportSource) -> list[tuple[str, str]]:
    """Name and value of what decides the results."""
    manifest, space = source.manifest(), source.frame.space
    box = f"{manifest.box_px or '?'} px at {_length(manifest.pixel_size_angstrom)}"
    versions = ", ".join(f"{name} {version}" for name, version in manifest.versions.items())
    return [
        ("run", f"{source.run.path.name} ({manifest.id})"),
        ("particles", f"{manifest.particles:,}, {box}"),
        ("particle file", manifest.source),
        ("training", f"{manifest.status}, {manifest.epochs_done} epochs on {manifest.device or '?'}, seed {manifest.seed}"),
        ("trained", f"{manifest.created:%Y-%m-%d %H:%M} to {manifest.updated:%Y-%m-%d %H:%M} UTC"),
        ("versions", versions),
        ("command", " ".join(manifest.command)),
        ("analysis", f"{space.checkpoint}, made {space.meta.get('created', '?')}"),
        ("clusters", f"{space.meta.get('clusters', 'none')}, {space.meta.get('cluster_method', '')}".strip(", ")),
        ("data fingerprint", manifest.data_fingerprint),
        ("this report", f"{utc_now():%Y-%m-%d %H:%M} UTC, CryoHype {__version__}"),
    ]


def methods_paragraph(source: ExportSource, wish: Wish, findings: list[Finding]) -> str:
    """A paragraph to begin a methods section with, in HTML."""
    manifest, meta = source.manifest(), source.frame.space.meta
    decoded = {found.map.method for found in findings if found.map is not None}
    how = {
        "mean": "the mean latent of a structure's particles",
        "medoid": "the latent of a cluster's medoid particle",
        "neighbours": "the mean latent of the 50 nearest neighbours of the medoid particle",
        "particle": "a single particle's latent",
        "linear": "the mean basis-volume coefficients of a structure's particles, without the hypernetwork",
    }
    maps = " or ".join(text for name, text in how.items() if name in decoded)
    words = [
        f"{manifest.particles:,} particle images were analysed with CryoHype {__version__} (Gu et al. 2025): a transformer "
        "hypernetwork maps each image to the weights of an implicit network that represents the Fourier transform of the "
        f"molecule in it. It was trained for {manifest.epochs_done} epochs on images of {manifest.box_px} px "
        f"({_length(manifest.pixel_size_angstrom)} per pixel).",
        f"Latents of the checkpoint {source.checkpoint} were reduced to {meta.get('q', '?')} principal components"
        f"{', drawn by UMAP' if source.frame.axes[0] == 'umap_x' else ''}"
        f"{', and clustered by ' + escape(str(meta['cluster_method'])) if 'cluster_method' in meta else ''}.",
        f"Maps were decoded from {maps}; contour levels are Otsu's. Enclosed volume and radius of gyration are of the density "
        "above the level.",
        "As a check that does not involve the network, the particles of each structure were back-projected in two halves with "
        "their CTF and poses; the FSC of the half maps tells the resolution of that data at 0.143, and the FSC of the network's "
        "map with the whole back-projection, at 0.5, to what resolution the map is in the data. No mask was applied.",
    ]
    if wish.low_pass_angstrom is not None:
        words.append(f"Maps were low-passed by a Gaussian that falls to a half at {wish.low_pass_angstrom:g} Å.")
    if any(found.truth is not None for found in findings):
        words.append("True structures are known; each map was compared with that of most of its particles.")
    return f"<p>{' '.join(words)}</p><p>Cite: {CITATION}</p>"


def opening_list(wish: Wish) -> str:
    """How the files of this export are opened, in HTML."""
    lines = []
    if "script" in wish.forms:
        lines.append("<b>ChimeraX</b>: open <code>open.cxc</code>; all maps appear with their names, levels and colours.")
    if "maps" in wish.forms:
        lines += [
            "<b>napari, CryoHype</b>: <code>maps/</code> is a volume series; "
            "<code>cryohype evaluate maps --truth FOLDER -o OUT</code> compares it with true maps.",
            "<b>Anything else</b>: <code>maps/*.mrc</code> are MRC2014 files in float32, with the pixel size in their headers; "
            "the <code>.json</code> beside each says how it was made.",
        ]
    if "halves" in wish.forms:
        lines.append("<b>Half maps</b>: <code>backprojections/halves/</code>, for postprocessing in RELION or cryoSPARC.")
    if "star" in wish.forms or "cs" in wish.forms:
        lines.append(
            "<b>Particles</b>: <code>particles/</code> holds rows of the original file with all their columns; use them in the "
            "project folder that the original belongs to."
        )
    if "pkl" in wish.forms:
        lines.append("<b>cryoDRGN</b>: <code>particles/*.pkl</code> for <code>--ind</code>, zero-based rows of the original.")
    return f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>" if lines else ""


def _length(pixel_size_angstrom: float | None) -> str:
    return "? Å" if pixel_size_angstrom is None else f"{pixel_size_angstrom:.4g} Å"
