"""Whose turn it is: one job a device, first come first served on each."""

from __future__ import annotations

from collections.abc import Iterable

from cryohype_app.jobs.job import Job


def startable(jobs: Iterable[Job]) -> list[Job]:
    """The queued jobs that may begin now, oldest first.

    A job that waits for several devices keeps its place on each of them: later jobs do not overtake it, so it never starves.

    Parameters
    ----------
    jobs : every job of one machine, in any order.
    """
    in_order = sorted(jobs, key=lambda job: (job.created, job.id))
    taken = {device for job in in_order if job.holds_devices for device in job.devices}
    ready = []
    for job in in_order:
        if job.status == "queued":
            if taken.isdisjoint(job.devices):
                ready.append(job)
            taken.update(job.devices)
    return ready
