"""What the Export page tells of an export before and while it is made."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from cryohype_app.exports.desk import Checked
from cryohype_app.exports.plan import PlannedFile
from cryohype_app.exports.progress import Progress

MOST_SHOWN = 400
RIGHT = "text-align:right;white-space:nowrap;opacity:.75"
STYLE = "width:100%;border-collapse:collapse;font-size:12px;font-variant-numeric:tabular-nums"


def files_table(files: Sequence[PlannedFile]) -> str:
    """The files in an HTML table: folder by folder, sizes at the right, ≈ where they are estimated."""
    shown = files[:MOST_SHOWN]
    rows = [
        f'<tr><td style="padding:1px 0;overflow-wrap:anywhere">{escape(file.path)}</td>'
        f'<td style="{RIGHT}">{"" if file.exact else "≈ "}{size_text(file.bytes)}</td></tr>'
        for file in shown
    ]
    if len(files) > MOST_SHOWN:
        rows.append(f"<tr><td>and {len(files) - MOST_SHOWN:,} more</td><td></td></tr>")
    return f'<table style="{STYLE}">{"".join(rows)}</table>'


def summary(checked: Checked, time: str) -> str:
    """Files, size and time in a line of HTML.

    Parameters
    ----------
    time : that it will take, in words; empty for none.
    """
    count = len(checked.items)
    words = [
        f"<b>{count:,}</b> structure{'' if count == 1 else 's'}", f"<b>{len(checked.files):,}</b> files",
        f"about <b>{size_text(checked.bytes)}</b>",
    ]  # fmt: skip
    return " · ".join([*words, escape(time)] if time else words)


def busy_line(progress: Progress) -> str:
    """The step and the time that is left."""
    left = progress.seconds_left
    return progress.doing + (f" · {duration(left)} left" if left is not None else "")


def size_text(count: int) -> str:
    """Bytes for people."""
    if count < 1000:
        return f"{count} B"
    value, unit = (count / 1e3, "kB") if count < 1e6 else (count / 1e6, "MB") if count < 1e9 else (count / 1e9, "GB")
    return f"{value:.3g} {unit}" if value < 1000 else f"{value:.0f} {unit}"


def duration(seconds: float) -> str:
    """Seconds for people, no more exact than an estimate is."""
    if seconds < 5:
        return "a few seconds"
    if seconds < 90:
        return f"about {round(seconds / 5) * 5} s"
    minutes = round(seconds / 60)
    return f"about {minutes} min" if minutes < 90 else f"about {seconds / 3600:.1f} h"
