"""The report as one HTML file: light, printable, complete without scripts, fonts or anything from elsewhere."""

from __future__ import annotations

from html import escape

from cryohype_app.exports.findings import Finding
from cryohype_app.exports.plan import MOST_DRAWN
from cryohype_app.exports.report.figures import latent_picture, training_chart
from cryohype_app.exports.report.structures import structure_card, structures_table
from cryohype_app.exports.report.words import methods_paragraph, opening_list, provenance_rows
from cryohype_app.exports.source import ExportSource
from cryohype_app.exports.wish import Wish

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2328; background: #fff; }
body { max-width: 76rem; margin: 2rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid #d8dee4; }
h3 { font-size: 1rem; margin: 0 0 .5rem; } small { color: #57606a; font-weight: 400; }
.lead { color: #57606a; margin: .2rem 0 0; } .none { color: #57606a; font-size: .85rem; }
svg { width: 100%; height: auto; display: block; } img { display: block; width: 100%; height: auto; }
table { border-collapse: collapse; } td, th { padding: .22rem .9rem .22rem 0; text-align: left; vertical-align: top; }
.facts-table th { font-weight: 500; color: #57606a; white-space: nowrap; } .facts-table td { overflow-wrap: anywhere; }
.structures { width: 100%; font-size: .88rem; } .structures td, .structures th { border-bottom: 1px solid #d8dee4; }
.structures th { vertical-align: bottom; font-weight: 500; color: #57606a; }
.n { font-variant-numeric: tabular-nums; } .scroll { overflow-x: auto; }
.two { display: grid; grid-template-columns: 1.6fr 1fr; gap: 1.5rem; align-items: center; }
.dot { display: inline-block; width: .7em; height: .7em; border-radius: 50%; margin-right: .45em; }
.cards { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; }
.card { border: 1px solid #d8dee4; border-left: 4px solid; border-radius: 6px; padding: .8rem; }
.card { break-inside: avoid; min-width: 0; }
.surfaces { display: grid; grid-template-columns: 1fr 1fr; gap: .5rem; }
.sums { display: grid; grid-template-columns: 1fr 1fr 1fr; gap: .5rem; margin-top: .5rem; }
.sums img { border-radius: 3px; image-rendering: auto; } figure { margin: 0; }
figcaption, .facts { color: #57606a; font-size: .8rem; } .facts { margin: .3rem 0 0; overflow-wrap: anywhere; }
pre { background: #f6f8fa; padding: .8rem; font-size: .78rem; line-height: 1.35; white-space: pre-wrap; columns: 2; }
code { background: #f6f8fa; padding: .05em .25em; }
@media screen and (max-width: 60rem) { .two, .cards { grid-template-columns: 1fr; } pre { columns: 1; } }
@media print { body { margin: 0; max-width: none; font-size: 11px; } h2 { break-after: avoid; } a { color: inherit; } }
"""


def report_page(source: ExportSource, wish: Wish, findings: list[Finding]) -> str:
    """The whole page.

    Parameters
    ----------
    findings : the structures in their order.
    """
    count, items = len(source.frame), [found.item for found in findings]
    name = source.run.path.name
    facts = "".join(f"<tr><th>{escape(label)}</th><td>{escape(value)}</td></tr>" for label, value in provenance_rows(source))
    cards = "".join(structure_card(found, count) for found in findings[:MOST_DRAWN])
    drawn = "" if len(findings) <= MOST_DRAWN else f"<p>The first {MOST_DRAWN} of {len(findings):,}; the table has all.</p>"
    opening = opening_list(wish)
    body = [
        f"<h1>{escape(wish.name)}</h1>",
        f'<p class="lead">{len(items)} structure{"s" if len(items) != 1 else ""} of the run <b>{escape(name)}</b>, '
        f"checkpoint {escape(source.checkpoint)}</p>",
        "<h2>Run</h2>",
        f'<table class="facts-table">{facts}</table>',
        "<h2>Latent space and training</h2>",
        f'<div class="two"><figure>{latent_picture(source.frame, items)}'
        f"<figcaption>{_latent_caption(source)}</figcaption></figure>"
        f"<figure>{training_chart(source.curve())}<figcaption>Training loss; below the noise floor a network copies noise."
        "</figcaption></figure></div>",
        "<h2>Structures</h2>",
        structures_table(findings, count),
        f'<h2>Maps</h2>{drawn}<div class="cards">{cards}</div>',
        "<h2>Methods</h2>",
        methods_paragraph(source, wish, findings),
        *([f"<h2>Opening the files</h2>{opening}"] if opening else []),
        f"<h2>Settings of the run</h2><pre>{escape(source.settings())}</pre>",
    ]
    head = f"<meta charset='utf-8'><meta name='viewport' content='width=device-width'><title>{escape(wish.name)}</title>"
    return f"<!doctype html><html lang='en'><head>{head}<style>{STYLE}</style></head><body>{''.join(body)}</body></html>\n"


def _latent_caption(source: ExportSource) -> str:
    coloured = "coloured by cluster; numbers mark the medoids" if source.frame.medoids else "by their density"
    return (
        f"{len(source.frame):,} particles, {coloured}. Outlines enclose 90 % of the particles of each exported selection; "
        "rings mark single particles."
    )
