"""What cryoDRGN does when asked; run by the Python of its environment as ``-m benchmarks.speed.drgn_duties SETTINGS.json``.

Nothing here is imported by CryoHype, and none of its packages is imported here: cryoDRGN is GPL-3. Its own functions do the work,
``train_batch`` of its train_vae and ``eval_volume`` of its decoder, with the defaults of its command line.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cryodrgn import ctf, dataset
from cryodrgn.commands.train_vae import train_batch
from cryodrgn.lattice import Lattice
from cryodrgn.models import HetOnlyVAE
from cryodrgn.pose import PoseTracker

from benchmarks.speed.answering import serve
from benchmarks.speed.counting import counted_flops

Request = Mapping[str, Any]
Facts = dict[str, Any]


class CryoDrgn:
    """Networks, optimiser and data of one training.

    Parameters
    ----------
    settings : folder (of particles.mrcs, poses.pkl, ctf.pkl), width and layers of the INR, zdim, device.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        torch.manual_seed(0)
        folder = Path(settings["folder"])
        self.device, self.zdim = torch.device(settings["device"]), settings["zdim"]
        self.data = dataset.ImageDataset(str(folder / "particles.mrcs"), lazy=False, invert_data=True, window=True)
        self.side = self.data.D  # the box and one more
        self.lattice = Lattice(self.side, extent=0.5, device=self.device)
        disc = self.lattice.get_circular_mask(self.side // 2)
        hidden, width = settings["layers"] - 2, settings["width"]  # it counts neither the first layer nor the last
        self.model = HetOnlyVAE(
            self.lattice, 3, 256, hidden, width, int(disc.sum()), self.zdim, encode_mode="resid", enc_mask=disc,
            enc_type="gaussian", enc_dim=None, domain="fourier", activation=torch.nn.ReLU, feat_sigma=0.5,
        ).to(self.device)  # fmt: skip
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-4)
        self.poses = PoseTracker.load(str(folder / "poses.pkl"), self.data.N, self.side)
        self.ctf = torch.tensor(ctf.load_ctf_for_training(self.side - 1, str(folder / "ctf.pkl")), device=self.device)

    def train(self, request: Request) -> Facts:
        """Its training step on the rows of ``batches``."""
        loss = 0.0
        for rows in request["batches"]:
            index = torch.tensor(rows)
            images = self.data[np.array(rows)]["y"].to(self.device)
            rotation, shift = (part.to(self.device) for part in self.poses.get_pose(index))
            loss, *_ = train_batch(self.model, self.lattice, images, None, rotation, shift, self.optimizer, 1 / self.zdim,
                                   ctf_params=self.ctf[index.to(self.device)])  # fmt: skip
        return {"loss": loss}

    def volume(self, request: Request) -> Facts:
        """``count`` maps."""
        self.model.eval()
        for _ in range(request["count"]):
            self.model.decoder.eval_volume(self.lattice.coords, self.side, 0.5, (0.0, 1.0), np.zeros(self.zdim))
        return {}

    def count_train(self, request: Request) -> Facts:
        """Floating-point operations of the matrix products in those steps."""
        return {"flops": counted_flops(lambda: self.train(request))}

    def count_volume(self, _request: Request) -> Facts:
        """The same of one map."""
        return {"flops": counted_flops(lambda: self.volume({"count": 1}))}


def main() -> None:
    """Serve."""
    logging.disable(logging.CRITICAL)
    rival = CryoDrgn(json.loads(Path(sys.argv[1]).read_text()))
    serve({name: getattr(rival, name) for name in ("train", "volume", "count_train", "count_volume")})


if __name__ == "__main__":
    main()
