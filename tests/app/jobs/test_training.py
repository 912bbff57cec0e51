"""The real thing: a training is started, stopped and resumed through the book, over two servers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryohype_app.jobs.book import JobBook
from cryohype_app.jobs.commands import resume_command, train_command
from cryohype_app.jobs.job import Job
from cryohype_model.runs.layout import Run
from cryohype_model.runs.manifest import read_manifest


def _overrides(tree: dict[str, Any], prefix: str = "") -> list[str]:
    """``section.key=value`` of every value, as a form would send it."""
    found = []
    for key, value in tree.items():
        if isinstance(value, dict):
            found += _overrides(value, f"{prefix}{key}.")
        elif value is not None:
            found.append(f"{prefix}{key}={json.dumps(value)}")
    return found


def test_a_training_is_stopped_and_resumed(
    book: JobBook,
    mixture: Path,
    tiny_config: Callable[..., Any],
    reach: Callable[..., Job],
    until: Callable[..., None],
    tmp_path: Path,
) -> None:
    run = Run(tmp_path / "store" / "tiny run")
    overrides = _overrides(tiny_config(mixture, training={"epochs": 100_000}).model_dump(exclude={"format_version"}))
    command = train_command(mixture, run.path, "demo", [*overrides, "data.box_px=16"])
    job = book.submit("train", "Tiny", command, run=run.path)
    reach(book, job, "running")
    until(lambda: (run.checkpoints / "last.ckpt").exists() or book.tick() or book.get(job.id).is_over)
    book.stop(job.id)
    stopped = reach(book, job, "stopped")
    assert stopped.exit_code == 143, book.log_tail(job.id)
    assert "Go on with: cryohype train --resume" in book.log_tail(job.id)
    manifest = read_manifest(run)
    assert (manifest.status, (run.checkpoints / "last.ckpt").is_file()) == ("stopped", True)

    server = JobBook(tmp_path / "store")
    more = resume_command(run.path, [f"training.epochs={manifest.epochs_done + 2}"])
    job = reach(server, server.submit("train", "Tiny, longer", more, run=run.path), "finished")
    after = read_manifest(run)
    assert (after.status, after.epochs_done) == ("finished", manifest.epochs_done + 2)
    assert "Finished. Next: cryohype analyze" in server.log_tail(job.id)
