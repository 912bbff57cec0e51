"""What changes in the store, told to everybody who listens: one look at the disk for all of them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from cryohype_app.server.api.jobs import job_facts
from cryohype_app.server.api.problem import printable
from cryohype_app.server.api.runs import run_facts
from cryohype_app.services import Services
from cryohype_model.errors import CryoHypeError

FRESH_SECONDS = 0.5  # a look that is younger serves a newcomer too
REST = 4.0  # times as long as a look took, before the next: a store of thousands of runs does not keep the server busy
Told = Mapping[str, dict[str, Any]]


@dataclass(frozen=True)
class Seen:
    """The store at one moment, as JSON values by identity."""

    runs: Told = field(default_factory=dict)
    jobs: Told = field(default_factory=dict)


class Feed:
    """Looks at the store while somebody listens.

    A listener has a mailbox of one slot: who is slow misses what was overtaken meanwhile, holds up nobody, and still learns
    of every change, because it is told the difference to what it was told before.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._seen = Seen()
        self._next = float("-inf")  # when the disk may be looked at again
        self._looking = asyncio.Lock()
        self._mailboxes: set[asyncio.Event] = set()

    async def look(self) -> None:
        """Look at the disk, unless nobody listens or somebody has just done it."""
        if not self._mailboxes:
            return
        async with self._looking:
            begun = time.monotonic()
            if begun < self._next:
                return
            seen = await asyncio.to_thread(_seen, self._services)
            ended = time.monotonic()
            self._next = ended + max(FRESH_SECONDS, REST * (ended - begun))
            if seen != self._seen:
                self._seen = seen
                for mailbox in self._mailboxes:
                    mailbox.set()

    async def messages(self) -> AsyncGenerator[dict[str, Any], None]:
        """Everything first, then what changed."""
        mailbox = asyncio.Event()
        self._mailboxes.add(mailbox)
        try:
            await self.look()
            known = self._seen
            yield {"kind": "all", **difference(Seen(), known)}
            while True:
                await mailbox.wait()
                mailbox.clear()
                before, known = known, self._seen
                if (changed := difference(before, known)) != NOTHING:
                    yield {"kind": "change", **changed}
        finally:
            self._mailboxes.discard(mailbox)


NOTHING: dict[str, Any] = {"runs": [], "jobs": [], "gone": {"runs": [], "jobs": []}}


def difference(before: Seen, after: Seen) -> dict[str, Any]:
    """Runs and jobs that are new or changed, and the identities of those that went."""
    return {
        "runs": _changed(before.runs, after.runs),
        "jobs": _changed(before.jobs, after.jobs),
        "gone": {"runs": _gone(before.runs, after.runs), "jobs": _gone(before.jobs, after.jobs)},
    }


def _changed(before: Told, after: Told) -> list[dict[str, Any]]:
    return [told for key, told in after.items() if before.get(key) != told]


def _gone(before: Told, after: Told) -> list[str]:
    return [key for key in before if key not in after]


def _seen(services: Services) -> Seen:
    runs = {facts.id: facts.model_dump(mode="json") for facts in run_facts(services)}
    for key, told in runs.items():
        told |= _contents(services, key)
    return Seen(runs, {facts.id: facts.model_dump(mode="json") for facts in job_facts(services)})


def _contents(services: Services, run_id: str) -> dict[str, Any]:
    """The last step that was logged, and the time of each stored selection."""
    try:
        run = services.data.run(run_id)
        steps = services.data.metrics(run).get("step")
        last = None if steps is None or not len(steps) else int(steps.iloc[-1])
        return {"last_step": last, "selections": _times(run.selections)}
    except (CryoHypeError, OSError, ValueError):
        return {"last_step": None, "selections": {}}


def _times(folder: Path) -> dict[str, str]:
    try:
        with os.scandir(folder) as files:
            times = {file.name: file.stat().st_mtime for file in files if file.name.endswith(".json") and file.name[0] != "."}
    except FileNotFoundError:
        return {}
    return {
        printable(name.removesuffix(".json")): datetime.fromtimestamp(moment, timezone.utc).isoformat()
        for name, moment in sorted(times.items())
    }
