"""Open a run and answer about it until the server goes away."""

from __future__ import annotations

import io
import logging
import os
from pathlib import Path

import torch

from cryohype_app.worker.errors import told
from cryohype_app.worker.failures import sentence
from cryohype_app.worker.frames import encode_frame
from cryohype_app.worker.packing import pack
from cryohype_app.worker.results import WorkerFacts
from cryohype_app.worker.service import Service
from cryohype_model.inference.trained import TrainedRun, open_trained_run

LOG = logging.getLogger(__name__)


def serve_run(
    path: Path, checkpoint: str, accelerator: str, token: str, incoming: io.BufferedReader, outgoing: io.BufferedWriter
) -> int:
    """Exit code of the process: 0 when the server closed the channel, 2 when the run could not be opened (which is told).

    Parameters
    ----------
    path : run folder. checkpoint, accelerator : as of ``cryohype volumes``.
    token : what the ids of volumes begin with. incoming, outgoing : streams of frames.
    """
    _limit_threads()
    try:
        trained = open_trained_run(path, checkpoint, accelerator)
        facts = _facts(trained)  # reads the particles, so that no request has to
    except Exception as error:  # noqa: BLE001 - whatever it is, the server is to hear why
        outgoing.writelines(encode_frame({"failed": told(sentence(error))}))
        outgoing.flush()
        return 2
    service = Service(trained, token, outgoing)
    try:
        service.tell({"ready": pack(facts)[0]})
        service.serve(incoming)
    except BrokenPipeError:
        LOG.info("the server is gone")
    return 0


def _limit_threads() -> None:
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        torch.set_num_threads(int(wanted))


def _facts(trained: TrainedRun) -> WorkerFacts:
    scale = trained.scale
    return WorkerFacts(
        os.getpid(), trained.checkpoint, str(trained.device), len(trained.particles),
        scale.box_px, scale.pixel_size_angstrom, scale.stored_box_px,
    )  # fmt: skip
