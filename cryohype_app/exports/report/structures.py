"""The report's table of structures, and a card for each."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

from cryohype_app.exports.findings import Finding
from cryohype_app.exports.report.figures import fsc_chart

METHODS = {
    "mean": "mean latent", "medoid": "medoid", "neighbours": "mean of the medoid's neighbours", "particle": "its own latent",
    "linear": "basis volumes",
}  # fmt: skip
VIEWS = {"z": "along z", "y": "along y", "x": "along x"}
HEADS = (
    "structure", "particles", "share", "volume<br>(10³ Å³)", "radius of<br>gyration (Å)", "level", "half maps,<br>FSC 0.143 (Å)",
    "map and back-<br>projection, FSC 0.5 (Å)", "map and truth,<br>FSC 0.5 (Å)",
)  # fmt: skip


def structures_table(findings: Sequence[Finding], count: int) -> str:
    """One row a structure; a column that nothing is known of is left out.

    Parameters
    ----------
    count : particles of the run.
    """
    rows = [_row(found, count) for found in findings]
    kept = [column for column in range(len(HEADS)) if column < 3 or any(row[column] for row in rows)]
    head = "".join(f"<th>{HEADS[column]}</th>" for column in kept)
    body = "".join(
        "<tr>" + "".join(f'<td class="{"" if column == 0 else "n"}">{row[column] or "–"}</td>' for column in kept) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table class="structures"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def structure_card(found: Finding, count: int) -> str:
    """Surface, projections, FSC and the facts of one structure."""
    item, pictures = found.item, found.pictures
    size = f"<small>{counted(len(item.rows))}, {_share(found, count)}</small>"
    parts = [f"<h3>{_dot(item.colour)}{escape(item.name)} {size}</h3>"]
    if pictures is not None:
        surfaces = "".join(
            _picture(data, f"surface of {item.name} seen {VIEWS[side]}", f"{VIEWS[side]}{_width(found, pictures.share)}")
            for side, data in pictures.surfaces.items()
        )
        sums = "".join(
            _picture(data, f"projection of {item.name} {VIEWS[side]}", f"{VIEWS[side]}{_width(found, 1.0)}")
            for side, data in pictures.projections.items()
        )
        parts.append(f'<div class="pictures"><div class="surfaces">{surfaces}</div><div class="sums">{sums}</div></div>')
    facts = f'<p class="facts">{escape(_facts(found))}</p>'
    parts.append(f'<div class="fsc">{fsc_chart(found)}{facts}</div>')
    return f'<section class="card" style="border-left-color:{item.colour}">{"".join(parts)}</section>'


def counted(particles: int) -> str:
    """A number of particles in words."""
    return f"{particles:,} particle{'' if particles == 1 else 's'}"


def _row(found: Finding, count: int) -> list[str]:
    item, made, metrics, truth = found.item, found.backprojection, found.metrics, found.truth
    level = None if found.map is None else found.map.level
    volume = None if metrics is None or metrics.enclosed_volume_angstrom3 is None else metrics.enclosed_volume_angstrom3 / 1e3
    name = f"{_dot(item.colour)}{escape(item.name)}"
    return [
        name,
        f"{len(item.rows):,}",
        _share(found, count),
        _number(volume),
        _number(None if metrics is None else metrics.radius_of_gyration_angstrom),
        _number(level),
        _number(None if made is None else made.resolution_0143_angstrom),
        _number(None if made is None or metrics is None else metrics.resolution_05_angstrom),
        "" if truth is None else f"{_number(truth.resolution_05_angstrom)} {escape(_truth(found))}",
    ]


def _width(found: Finding, share: float) -> str:
    return "" if found.map is None else f", {found.map.box_angstrom * share:.0f} Å wide"


def _facts(found: Finding) -> str:
    """Sentences on how the map was made and what is not defined."""
    made, words = found.map, []
    if made is not None:
        particle = "" if made.particle is None else f" of particle {made.particle}"
        used = "" if made.used == len(found.item.rows) else f", {made.used:,} of {len(found.item.rows):,} particles"
        low_pass = "" if made.low_pass_angstrom is None else f", low-passed to {made.low_pass_angstrom:g} Å"
        words.append(
            f"Map of {made.box_px} px at {made.pixel_size_angstrom:.3g} Å, {METHODS.get(made.method, made.method)}"
            f"{particle}{used}{low_pass}, checkpoint {made.checkpoint}."
        )
    if found.backprojection is not None:
        words.append(f"Back-projection of {found.backprojection.count:,} particles.")
    if found.truth is not None:
        words.append(f"Truth: {found.truth.reference}, the structure of {found.truth_share:.0%} of these particles.")
    words.append(_origin(found))
    notes = found.metrics.notes if found.metrics is not None else ()
    return " ".join([*words, *(f"{note[:1].upper()}{note[1:]}." for note in notes)]).strip()


def _origin(found: Finding) -> str:
    """How the particles were chosen."""
    origin = found.item.origin
    kind = origin.get("kind", "")
    if kind == "query":
        return f"Chosen by the condition {origin.get('query', '')}."
    if kind in {"lasso", "box"}:
        axes = f"{origin.get('x_axis', '?')} and {origin.get('y_axis', '?')}"
        return f"Chosen by a {kind} in {axes} of {origin.get('checkpoint', '?')}."
    return ""


def _truth(found: Finding) -> str:
    return "" if found.truth is None or found.truth.reference is None else f"({found.truth.reference})"


def _share(found: Finding, count: int) -> str:
    return f"{len(found.item.rows) / count:.1%}" if count else ""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def _dot(colour: str) -> str:
    return f'<span class="dot" style="background:{colour}"></span>'


def _picture(data: bytes, what: str, caption: str) -> str:
    source = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    return f'<figure><img alt="{escape(what)}" src="{source}"><figcaption>{escape(caption)}</figcaption></figure>'
