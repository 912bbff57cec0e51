"""What cryoDRGN does when asked; run by the Python of its environment as ``-m benchmarks.speed.drgn_duties SETTINGS.json``.

Nothing here is imported by CryoHype, and none of its packages is imported here: cryoDRGN is GPL-3. Its own functions do the work
(``train_batch`` and ``eval_z`` of its train_vae, ``eval_volume`` of its decoder, its ``ImageDataset``, its ``analysis``), with
the defaults of its command line.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cryodrgn import analysis, ctf, dataset
from cryodrgn.commands.train_vae import eval_z, train_batch
from cryodrgn.lattice import Lattice
from cryodrgn.models import HetOnlyVAE
from cryodrgn.pose import PoseTracker

from benchmarks.speed.answering import Duty, serve
from benchmarks.speed.counting import counted_flops

Request = Mapping[str, Any]
Facts = dict[str, Any]


class CryoDrgn:
    """Networks, optimiser and data of one training.

    Parameters
    ----------
    settings : folder (of particles.mrcs, poses.pkl, ctf.pkl), batch, width and layers of the INR, zdim, device.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        torch.manual_seed(0)
        self.folder, self.batch = Path(settings["folder"]), settings["batch"]
        self.device, self.zdim = torch.device(settings["device"]), settings["zdim"]
        self.data = self._images(lazy=False)
        self.side = self.data.D  # the box and one more
        self.lattice = Lattice(self.side, extent=0.5, device=self.device)
        disc = self.lattice.get_circular_mask(self.side // 2)
        hidden, width = settings["layers"] - 2, settings["width"]  # it counts neither the first layer nor the last
        self.model = HetOnlyVAE(
            self.lattice, 3, 256, hidden, width, int(disc.sum()), self.zdim, encode_mode="resid", enc_mask=disc,
            enc_type="gaussian", enc_dim=None, domain="fourier", activation=torch.nn.ReLU, feat_sigma=0.5,
        ).to(self.device)  # fmt: skip
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-4)
        self.poses = PoseTracker.load(str(self.folder / "poses.pkl"), self.data.N, self.side, device=self.device)
        self.ctf = torch.tensor(ctf.load_ctf_for_training(self.side - 1, str(self.folder / "ctf.pkl")), device=self.device)

    def _images(self, lazy: bool) -> dataset.ImageDataset:
        return dataset.ImageDataset(str(self.folder / "particles.mrcs"), lazy=lazy, invert_data=True, window=True)

    @cached_property
    def lazy(self) -> dataset.ImageDataset:
        """The images on the disk."""
        return self._images(lazy=True)

    def duties(self) -> dict[str, Duty]:
        """By the names that they are asked for with."""
        return {
            "train": self.train,
            "volume": self.volume,
            "first_map": self.volume,  # it has nothing to show earlier
            "encode": self.encode,
            "load": self.load,
            "prepare": self.prepare,
            "pca": self.pca,
            "umap": self.umap,
            "count": self.count,
        }

    def train(self, request: Request) -> Facts:
        """Its training step on the rows of ``batches``."""
        loss = 0.0
        for rows in request["batches"]:
            index = torch.tensor(rows, device=self.device)
            images = self.data[np.array(rows)]["y"].to(self.device)
            rotation, shift = self.poses.get_pose(index)
            loss, *_ = train_batch(self.model, self.lattice, images, None, rotation, shift, self.optimizer, 1 / self.zdim,
                                   ctf_params=self.ctf[index])  # fmt: skip
        return {"loss": loss}

    def volume(self, request: Request) -> Facts:
        """``count`` maps."""
        self.model.eval()
        for _ in range(request["count"]):
            self.model.decoder.eval_volume(self.lattice.coords, self.side, 0.5, (0.0, 1.0), np.zeros(self.zdim))
        return {}

    def encode(self, _request: Request) -> Facts:
        """The latent of every particle."""
        self.model.eval()
        with torch.no_grad():
            eval_z(self.model, self.lattice, self.data, self.batch, self.device, self.poses.trans, ctf_params=self.ctf)
        return {}

    def load(self, request: Request) -> Facts:
        """The stored images of ``batches``."""
        return {"images": sum(len(self.lazy.src.images(np.array(rows))) for rows in request["batches"])}

    def prepare(self, request: Request) -> Facts:
        """The same, as the training reads them; it centres them and applies the CTF's sign later."""
        return {"images": sum(len(self.lazy[np.array(rows)]["y"].to(self.device)) for rows in request["batches"])}

    def pca(self, request: Request) -> Facts:
        """Principal components of the vectors in ``file``."""
        components, _ = analysis.run_pca(np.load(request["file"]))
        return {"variance": float(components.var(axis=0, ddof=1)[: request["components"]].sum())}

    def umap(self, request: Request) -> Facts:
        """Two coordinates for each of them."""
        analysis.run_umap(np.load(request["file"]))
        return {}

    def count(self, request: Request) -> Facts:
        """Floating-point operations of the matrix products in what ``duty`` names."""
        return {"flops": counted_flops(lambda: self.duties()[request["duty"]](request))}


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    serve(CryoDrgn(json.loads(Path(sys.argv[1]).read_text())).duties())
