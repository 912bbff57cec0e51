"""Real files with bytes changed, cut out, put in or cut off: each opens or gets one sentence, and no other error or warning."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cryohype_model.errors import CryoHypeError
from cryohype_model.io.arrays import load_integers
from cryohype_model.io.cryodrgn import read_ctf, read_poses
from cryohype_model.io.images import ImageStacks
from cryohype_model.io.mrc import read_volume
from cryohype_model.io.particles import read_particles
from cryohype_model.simulate.models import read_atoms

COPIES = 60  # damaged copies of each file


def _table(path: Path) -> None:
    read_particles(path, need_images=False)


def _stack(path: Path) -> None:
    table = read_particles(path)
    ImageStacks(table).read(range(min(3, len(table))))


FILES: dict[str, Callable[[Path], Any]] = {
    "particles/real_aspire_17/sample_particles_relion31.star": _table,
    "particles/real_aspire_17/sample_particles_relion30.star": _table,
    "particles/real_relion31_5/relion31.star": _table,
    "odd/star/cryocat_relion_4.0.star.gz": _table,
    "particles/real_empiar10076_7/empiar_10076_7.cs": _table,
    "particles/meta_cryosparc_2019/cryosparc_P12_J24_001_particles.cs": _table,
    "particles/sim_cryodrgn_hand_100/hand_rot.pkl": read_poses,
    "particles/sim_10076_DE_labelled/data/ctf_classD.pkl": read_ctf,
    "particles/sim_10076_DE_labelled/data/ptcl_ind_classD.pkl": load_integers,
    "particles/sim_cryodrgn_hand_100/hand_11_particles.npy": load_integers,
    "particles/sim_cryodrgn_hand_100/hand.mrcs": _stack,
    "maps/human_ribo_21A_32.mrc": read_volume,
    "odd/mrc/emd_3197.map.gz": read_volume,
    "odd/mrc/EMD-3197.map.bz2": read_volume,
    "odd/models/biotite_altloc.cif": read_atoms,
    "odd/models/biotite_hetatm.pdb": read_atoms,
}


def damaged(raw: bytes, random: Random) -> bytes:
    """A copy with one kind of damage; most of it is near the beginning, where headers are."""
    content = bytearray(raw)
    place = random.randrange(min(len(content), 3000))
    match random.choice(["end", "change", "change", "remove", "insert"]):
        case "end":
            del content[random.randrange(len(content)) :]
        case "remove":
            del content[place : place + random.randrange(1, 60)]
        case "insert":
            content[place:place] = random.randbytes(random.randrange(1, 30))
        case "change":
            reach = min(len(content), random.choice([1200, len(content)]))
            for _ in range(random.choice([1, 2, 5, 20])):
                content[random.randrange(reach)] = random.randrange(256)
    return bytes(content)


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_opens_or_gets_a_sentence(shared_data: Path, tmp_path: Path, name: str) -> None:
    random, sentences = Random(name), []
    raw = (shared_data / name).read_bytes()
    path = tmp_path / Path(name).name
    for _ in range(COPIES):
        path.write_bytes(damaged(raw, random))
        try:
            FILES[name](path)
        except CryoHypeError as error:
            sentences.append(str(error))
    assert len(sentences) >= 5, "the damage is real: some of these copies cannot be read"
    assert [sentence for sentence in sentences if str(path) not in sentence or "\n" in sentence] == []


def test_an_optics_table_without_a_row_is_refused(write_table: Callable[..., Path], tmp_path: Path) -> None:
    path = write_table(tmp_path / "p.star", ["1@s.mrcs"], ["rlnOpticsGroup"], "1")
    path.write_text("data_optics\n\nloop_\n_rlnOpticsGroup #1\n\n" + path.read_text())
    with pytest.raises(CryoHypeError, match="data_optics without a row"):
        _table(path)
