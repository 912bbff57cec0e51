"""The benchmark of speed: the plain formulation computes what ours computes, operations are counted, one round gives a table."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.speed import commands, parts
from benchmarks.speed.__main__ import main
from benchmarks.speed.asking import Answer, Contender, command_answer, interleaved
from benchmarks.speed.case import Prepared, Sizes, prepared
from benchmarks.speed.comparison import Comparison
from benchmarks.speed.counting import counted_flops
from benchmarks.speed.duties import Ours, Plain, duties_of
from benchmarks.speed.plain import PlainTraining, hartley_config, image_weights, inr_values
from benchmarks.speed.table import speed_table
from cryohype_model.config import RunConfig, load_config
from cryohype_model.errors import ConfigError
from cryohype_model.imaging.grid import FourierGrid
from cryohype_model.imaging.preprocess import Preprocessor
from cryohype_model.inference.generate import VolumeGenerator
from cryohype_model.nets.build import build_model
from cryohype_model.nets.loss import SliceLoss
from cryohype_model.training.prepare import TrainingSet, open_training_set

CPU = torch.device("cpu")


SMALL = (
    "model.patch_px=4", "model.dim=32", "model.depth=1", "model.heads=2", "model.head_dim=16", "model.mlp_dim=32",
    "model.weight_tokens=4", "training.learning_rate=1e-3", "training.warmup_epochs=0",
)  # fmt: skip
SIZES = Sizes(box_px=16, hidden=32, layers=3, batch=8, images=32)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepared(SIZES, tmp_path_factory.mktemp("speed"), "cpu", list(SMALL))


@pytest.fixture
def config(made: Prepared) -> RunConfig:
    return load_config(made.config)


@pytest.fixture
def data(config: RunConfig) -> TrainingSet:
    return open_training_set(config.data)


@pytest.fixture
def ours(config: RunConfig, made: Prepared) -> Ours:
    return Ours(config, made.run)


def test_plain_values_are_those_of_our_hartley_network(config: RunConfig) -> None:
    model = build_model(hartley_config(config.model), 16)
    latent = torch.randn(3, *model.encoder.weight_tokens.shape, generator=torch.Generator().manual_seed(0))
    coordinates = torch.rand(3, 50, 3, generator=torch.Generator().manual_seed(1)) - 0.5
    ours = model.inr(model.decode(latent), coordinates)
    plain = inr_values(model, image_weights(model, latent), coordinates)
    assert float(ours.detach().std()) > 0.05
    torch.testing.assert_close(plain, ours, rtol=1e-4, atol=1e-5)


def test_plain_loss_and_gradients_are_those_of_our_hartley_network(config: RunConfig, data: TrainingSet) -> None:
    plain = PlainTraining(config.model, data.scale, CPU)
    batch = data.particles.batch(range(6))
    ours = SliceLoss(Preprocessor(data.scale), plain.config)(plain.model, batch).image
    ours.mean().backward()
    expected = [parameter.grad.clone() for parameter in plain.model.parameters()]
    plain.model.zero_grad()
    losses = plain.losses(batch)
    losses.mean().backward()
    torch.testing.assert_close(losses, ours, rtol=1e-4, atol=1e-5)
    for parameter, gradient in zip(plain.model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-5)


def test_plain_volume_is_that_of_our_hartley_network(config: RunConfig, data: TrainingSet) -> None:
    plain = PlainTraining(config.model, data.scale, CPU)
    latent = torch.randn(1, *plain.model.encoder.weight_tokens.shape, generator=torch.Generator().manual_seed(0))
    ours = VolumeGenerator(plain.model.eval(), data.scale).volume(latent)
    assert np.abs(plain.volume(latent).numpy() - ours).max() < 1e-4 * np.abs(ours).max()


def test_counted_operations_of_a_map_are_those_counted_by_hand(ours: Ours) -> None:
    assert [tuple(shape) for shape in ours.trained.model.inr.weight_shapes] == [(48, 32), (32, 32), (32, 2)]
    # of the half sphere: the angles of the features, then every layer; before that the heads of the layers
    points = len(FourierGrid(16).shell_pixels(0, 8))
    inr = 2 * points * (3 * 24 + 48 * 32 + 32 * 32 + 32 * 2)
    heads = 2 * 32 * (4 * 48 + 4 * 32 + 2 * 32)  # groups of 4, 4 and 2 tokens of width 32, to as many numbers as a layer reads
    assert ours.count({"duty": "volume", "count": 1})["flops"] == inr + heads


def test_counted_operations_of_plain_training_are_those_counted_by_hand(config: RunConfig, made: Prepared) -> None:
    plain = Plain(config, made.run)
    whole = plain.count({"duty": "train", "batches": [list(range(8))]})["flops"]
    disc = len(FourierGrid(16).disc_pixels)
    layers = (48 * 32, 32 * 32, 32)  # of the INR: one value a coordinate
    # forwards once and backwards twice, but for the gradient of the first layer's input, which nobody asks for
    inr = 2 * 8 * disc * (3 * sum(layers) - layers[0])
    features = 2 * 8 * disc * (2 * 3 + 3 * 24)  # rotated coordinates and angles have no gradient at all
    tokens = 16 + 4 + 4 + 1
    block = tokens * (32 * 96 + 32 * 32 + 2 * 32 * 32) + 2 * tokens * tokens * 32
    heads = 32 * (4 * 48 + 4 * 32 + 32)
    patches = 16 * 16 * 32  # and they have no gradient of their input
    centring = 2 * 8 * 2 * 16 * 9  # shifts times the frequencies of rfft2
    attention_again = 2 * 8 * tokens * tokens * 32  # attention computes its weights anew on the way back
    assert whole == inr + features + 2 * 8 * (3 * (block + heads) + 2 * patches) + centring + attention_again


def test_attention_is_counted_on_a_cpu() -> None:
    q, k, v = (torch.randn(2, 3, 5, 8, requires_grad=True) for _ in range(3))
    forward = 2 * 2 * 3 * 5 * 5 * 8 * 2  # two products of (5, 8) and (8, 5) for each of 2 × 3 heads
    assert counted_flops(lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v)) == forward
    whole = counted_flops(lambda: torch.nn.functional.scaled_dot_product_attention(q, k, v).sum().backward())
    assert whole >= 3 * forward


def test_training_by_our_duty_is_the_trainers_own(ours: Ours) -> None:
    losses = [ours.train({"batches": [list(range(8))] * 4})["loss"] for _ in range(3)]
    assert losses[-1] < losses[0]
    assert ours.trainer.step == ours.trainer.position == 12


def test_loading_and_encoding_see_every_image(ours: Ours) -> None:
    request = {"batches": SIZES.batches(0, 4)}
    assert ours.load(request) == ours.prepare(request) == {"images": 32}
    ours.encode({})
    assert len(ours.trained.particles) == 32


def test_principal_components_are_those_of_the_covariance(ours: Ours, tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(600, 8)).astype(np.float32) * np.arange(1, 9)
    np.save(tmp_path / "vectors.npy", vectors.astype(np.float32))
    largest = np.linalg.eigvalsh(np.cov(vectors.T))[-3:].sum()
    assert ours.pca({"file": tmp_path / "vectors.npy", "components": 3})["variance"] == pytest.approx(largest, rel=1e-2)


def test_products_alone_count_what_they_multiply(ours: Ours) -> None:
    forward = ours.products({"of": "inr", "rows": 10, "count": 2, "backward": False})["flops"]
    assert forward == 2 * 2 * 10 * (48 * 32 + 32 * 32 + 32 * 2)
    backward = ours.products({"of": "inr", "rows": 10, "count": 2, "backward": True})["flops"]
    assert backward == 3 * forward - 2 * 2 * 10 * 48 * 32


def test_rounds_are_interleaved_and_the_first_is_not_counted() -> None:
    calls = []

    def work(name: str) -> Callable[[int], Answer]:
        return lambda number: calls.append((name, number)) or Answer(number, number, 1.0)

    found = interleaved({"ours": work("ours"), "rival": work("rival")}, 2, "test")
    assert calls == [("ours", 0), ("rival", 0), ("ours", 1), ("rival", 1), ("ours", 2), ("rival", 2)]
    assert [answer.wall for answer in found["ours"]] == [1, 2]


def test_a_missed_target_is_said() -> None:
    ours, rival = [Answer(1.0, 1.0, 1.0)] * 3, [Answer(wall, 3.0, 1.0) for wall in (1.0, 1.5, 4.0)]
    limit = [Answer(0.5, 0.5, 1.0, {"flops": 20.0})] * 3
    text = speed_table([Comparison("training", "cryoDRGN", ours, rival, 10, "images", 2.0, 10.0, limit)])
    assert "10 images/s" in text and "6.67 images/s" in text
    assert "**1.50** (1.00 to 4.00) | **3.00** (3.00 to 3.00) | ≥ 2: missed | 25% (25% to 25%) | – |" in text


def test_batches_run_through_all_images_before_one_comes_again() -> None:
    sizes = Sizes(16, 32, 5, 4, 12)
    rows = [row for number in range(3) for batch in sizes.batches(number, 1) for row in batch]
    assert sorted(rows) == list(range(12))
    assert sizes.batches(3, 1) == sizes.batches(0, 1)


class InThisProcess:
    """A contender without a process: starting Python and torch twice is most of what a tiny round takes."""

    def __init__(self, _name: str, command: list[str | Path], _log: Path) -> None:
        self.duties = duties_of(str(command[-3]), Path(command[-2]), Path(command[-1]))

    def __enter__(self) -> "InThisProcess":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""

    def ask(self, do: str, **details: Any) -> Answer:
        """Do it here."""
        began = time.perf_counter()
        facts = dict(self.duties[do](details))
        seconds = time.perf_counter() - began
        return Answer(seconds, seconds, 1.0, facts)


def test_one_round_of_ours_and_plain_gives_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = ["--box", "16", "--hidden", "16", "--layers", "3", "--batch", "4", "--images", "16", "--rounds", "1"]
    keys = [word for key in SMALL for word in ("--set", key)]
    monkeypatch.setattr(parts, "Contender", InThisProcess)
    assert main(["-o", str(tmp_path), "--rivals", "plain", *small, *keys]) == 0
    rows = json.loads((tmp_path / "results.json").read_text())["rows"]
    assert [(row["what"], row["rival"]) for row in rows] == [
        ("training", "plain formulation of the paper"),
        ("volume 16³, computing alone", "plain formulation of the paper"),
    ]
    for row in rows:
        assert row["ratio"]["median"] == pytest.approx(row["theirs"][0]["wall"] / row["ours"][0]["wall"])
        assert row["flops"] > 0 and row["limit"][0]["facts"]["flops"] > 0
    assert np.isfinite([rows[0][side][0]["facts"]["loss"] for side in ("ours", "theirs")]).all()
    assert "| training | " in (tmp_path / "results.md").read_text()


CHILD = """
from benchmarks.speed.answering import serve
def count(request):
    print("said by a library")
    return {"sum": sum(range(request["to"]))}
serve({"count": count})
"""


def test_a_contender_answers_over_the_pipe_and_its_failure_is_said(tmp_path: Path) -> None:
    with Contender("child", [sys.executable, "-c", CHILD], tmp_path / "child.log") as child:
        answers = [child.ask("count", to=number) for number in (3, 1000)]
        assert [answer.facts for answer in answers] == [{"sum": 3}, {"sum": 499500}]
        assert all(answer.wall > 0 and answer.peak_mib > 1 for answer in answers)
        with pytest.raises(ConfigError, match="child failed at nothing: KeyError: 'nothing'"):
            child.ask("nothing")
    assert "said by a library" in (tmp_path / "child.log").read_text()


def test_a_command_is_timed_and_its_failure_is_said(tmp_path: Path) -> None:
    busy = "import time\nwhile time.process_time() < 0.2: pass"
    answer = command_answer([sys.executable, "-c", busy], tmp_path / "log")
    assert answer.wall > 0.15 and answer.cpu > 0.15 and answer.peak_mib > 1
    with pytest.raises(ConfigError, match="failed: SystemExit"):
        command_answer([sys.executable, "-c", "import sys; print('SystemExit'); sys.exit(3)"], tmp_path / "log")


def test_targets_are_those_of_the_size_they_were_promised_for(tmp_path: Path) -> None:
    promised = [parts.parts_of(name, SIZES, 1, 1, tmp_path, True)[0].targets for name in ("train", "volume")]
    assert promised == [{parts.PLAIN: 2.0, parts.DRGN: 1.0}, {parts.DRGN: 3.0}]
    assert not any(parts.parts_of(name, SIZES, 1, 1, tmp_path, False)[0].targets for name in ("train", "volume"))


def test_commands_run_in_turn_and_leave_nothing_to_the_next_round(made: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def pretend(words: list[str], _log: Path) -> Answer:
        seen.append((words[0], (made.folder / "out").exists(), any((made.run / "latents").iterdir())))
        (made.folder / "out").mkdir()
        (made.run / "latents" / "step-00000001").mkdir()
        return Answer(1.0 if words[0] == "ours" else 6.0, 1.0, 100.0 * len(seen))

    monkeypatch.setattr(commands, "command_answer", pretend)
    row = commands.compared_commands(commands.Pair("a command", lambda _: ["ours"], lambda _: ["theirs"], 5.0), made, 2)
    assert seen == [("ours", False, False), ("theirs", False, False)] * 3
    assert not row.missed
    assert "**6.00** (6.00 to 6.00) | **1.00** (1.00 to 1.00) | ≥ 5: met | – | 500, 600 |" in speed_table([row])


def test_an_unknown_part_and_an_absent_rival_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-o", str(tmp_path), "--what", "everything"]) == 2
    assert "there is no part 'everything'; give of train" in capsys.readouterr().err
    absent = ["--rivals", "cryodrgn", "--rival-python", "/nowhere/python", "--what", "backproject"]
    assert main(["-o", str(tmp_path), "--box", "16", "--images", "16", *absent]) == 0
    assert "cryoDRGN is left out: /nowhere/python does not exist" in capsys.readouterr().out
