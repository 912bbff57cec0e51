"""``python -m cryohype_app.worker RUN``: the process that holds a trained network, started by the server and by nobody else."""

from __future__ import annotations

import argparse
import fcntl
import io
import logging
import os
import sys
from contextlib import suppress
from pathlib import Path

from cryohype_model.housekeeping import begin_process

LOG = logging.getLogger("cryohype_app.worker")
PIPE_BYTES = 1 << 20  # what the system lets a user take


def take_channel() -> tuple[io.BufferedReader, io.BufferedWriter]:
    """Standard input and output for frames alone: whatever else is printed, even by C code, goes to standard error."""
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    with suppress(OSError, AttributeError):  # Linux: maps go through in megabytes, not in 64 kB
        fcntl.fcntl(outgoing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    sys.stdout = sys.stderr
    return incoming, outgoing


def main() -> int:
    """Open the run, say that all is ready, answer until the server goes away."""
    incoming, outgoing = take_channel()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(levelname)s %(message)s", stream=sys.stderr)
    parser = argparse.ArgumentParser(prog="python -m cryohype_app.worker", description=__doc__)
    parser.add_argument("run", type=Path, help="a trained run")
    parser.add_argument("--checkpoint", default="last", help="last, best or a step's name")
    parser.add_argument("--accelerator", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute")
    parser.add_argument("--token", required=True, help="what the ids of volumes begin with")
    args = parser.parse_args()
    begin_process()

    from cryohype_app.worker.opening import serve_run

    LOG.info("volume worker of %s, checkpoint %s", args.run, args.checkpoint)
    return serve_run(args.run, args.checkpoint, args.accelerator, args.token, incoming, outgoing)


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    os._exit(code)  # at once: threads in the middle of a computation would hold up or crash an orderly end
