"""metrics.jsonl: one JSON object a line, append only."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from cryohype_model.io.atomic import write_atomically
from cryohype_model.runs.layout import Run


def append_metrics(run: Run, record: Mapping[str, Any]) -> None:
    """Append one line; a line that an earlier kill tore is closed first.

    Parameters
    ----------
    run : an existing run.
    record : numbers and words, such as ``step, epoch, split, loss, learning_rate, images_per_s``; not-a-number becomes null.
    """
    line = json.dumps({key: _json_value(value) for key, value in record.items()}, allow_nan=False).encode() + b"\n"
    with run.metrics_log.open("ab+") as file:
        if _ends_torn(file):
            line = b"\n" + line
        file.write(line)


def read_metrics(run: Run) -> pd.DataFrame:
    """Every whole line as a row, null as not-a-number; torn lines are left out, no file gives an empty table."""
    records = [
        {key: math.nan if value is None else value for key, value in record.items()}
        for _, record in _lines(run)
        if record is not None
    ]
    return pd.DataFrame(records) if records else pd.DataFrame(columns=["step", "epoch", "split", "loss"])


def truncate_metrics(run: Run, step: int) -> None:
    """Drop torn lines and lines of later steps, in one step; what a resumed run does before it goes on.

    Parameters
    ----------
    run : an existing run.
    step : last step to keep, the checkpoint's; lines without a step are kept.
    """
    kept = [line for line, record in _lines(run) if record is not None and record.get("step", step) <= step]
    if run.metrics_log.exists():
        write_atomically(run.metrics_log, "".join(line + "\n" for line in kept))


def torn_lines(run: Run) -> int:
    """How many lines are not whole JSON objects."""
    return sum(record is None for _, record in _lines(run))


def _lines(run: Run) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Each line that is not blank with its object, None where it is torn."""
    if not run.metrics_log.exists():
        return
    with run.metrics_log.open(encoding="utf-8", errors="replace") as file:
        for raw in file:
            line = raw.rstrip("\n")
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except json.JSONDecodeError:
                record = None
            yield line, record if isinstance(record, dict) else None


def _ends_torn(file: Any) -> bool:
    if file.seek(0, os.SEEK_END) == 0:
        return False
    file.seek(-1, os.SEEK_END)
    return bool(file.read(1) != b"\n")


def _json_value(value: Any) -> Any:
    """A Python value, null for what is not finite."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
