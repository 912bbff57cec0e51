"""Schedules are pure functions of seed and step: each particle once an epoch, each process its share."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cryohype_model.config import TrainingConfig
from cryohype_model.imaging.grid import FourierGrid
from cryohype_model.training.schedule import (
    coordinate_rows,
    copies_noise,
    epoch_batches,
    hidden_coefficients,
    learning_rate,
    steps_in_epoch,
    token_mask,
)

COUNTS = st.integers(1, 60)
SIZES = st.integers(1, 20)


def _batches(count: int, size: int, epoch: int = 0, first: int = 0, rank: int = 0, world: int = 1) -> list[list[int]]:
    config = TrainingConfig(batch_size=size)
    return [rows.tolist() for rows in epoch_batches(count, config, epoch, first, rank, world)]


@given(COUNTS, SIZES)
def test_an_epoch_sees_every_particle_once(count: int, size: int) -> None:
    batches = _batches(count, size)
    assert len(batches) == steps_in_epoch(count, size)
    assert sorted(row for batch in batches for row in batch) == list(range(count))
    assert {len(batch) for batch in batches[:-1]} <= {size}


@given(COUNTS, st.integers(1, 5), SIZES)
def test_processes_share_each_batch_equally_and_without_overlap(count: int, world: int, times: int) -> None:
    size = world * times
    whole = _batches(count, size)
    shares = [_batches(count, size, rank=rank, world=world) for rank in range(world)]
    assert {len(share) for share in shares} == {steps_in_epoch(count, size, world)}
    for number, parts in enumerate(zip(*shares, strict=True)):
        assert len({len(part) for part in parts}) == 1
        together = {row for part in parts for row in part}
        assert len(together) == sum(map(len, parts)) > len(whole[number]) - world
        assert together <= set(whole[number])


@given(COUNTS, SIZES, st.integers(0, 10))
def test_an_epoch_goes_on_where_it_stopped(count: int, size: int, first: int) -> None:
    assert _batches(count, size, first=first) == _batches(count, size)[first:]


def test_epochs_and_seeds_differ() -> None:
    assert _batches(50, 10, epoch=0) != _batches(50, 10, epoch=1)
    other = [rows.tolist() for rows in epoch_batches(50, TrainingConfig(batch_size=10, seed=1), 0, 0)]
    assert _batches(50, 10) != other


def test_learning_rate_warms_up_then_falls_as_a_cosine() -> None:
    config = TrainingConfig(epochs=10, warmup_epochs=2, learning_rate=1.0, final_learning_rate=0.1)
    rates = [learning_rate(config, step, 5) for step in range(50)]
    assert rates[:10] == pytest.approx([0.1 * (step + 1) for step in range(10)])
    assert max(rates) == 1.0 and rates[10] == 1.0
    assert all(a >= b for a, b in pairwise(rates[10:]))
    assert rates[30] == pytest.approx(0.55)  # half way down the cosine
    assert learning_rate(config, 50, 5) == learning_rate(config, 99, 5) == pytest.approx(0.1)


def test_no_warm_up() -> None:
    config = TrainingConfig(epochs=4, warmup_epochs=0, learning_rate=2.0)
    assert learning_rate(config, 0, 3) == 2.0
    assert learning_rate(TrainingConfig(epochs=1, warmup_epochs=5, learning_rate=1.0), 3, 4) == pytest.approx(4 / 20)


def test_coarse_to_fine_grows_from_a_quarter_to_the_whole_disc() -> None:
    radius_squared = (FourierGrid(32).half_disc_pixels ** 2).sum(1)
    config = TrainingConfig(coarse_to_fine_epochs=2)
    full = len(radius_squared)
    counts, reach = [], []
    for step in range(0, 24, 2):
        rows = coordinate_rows(config, radius_squared, step, 10)
        counts.append(full if rows is None else len(rows))
        reach.append(float(radius_squared[counts[-1] - 1]) ** 0.5)
        assert rows is None or torch.equal(rows, torch.arange(len(rows)))  # a prefix: the inner disc
    assert counts == sorted(counts) and counts[0] < full / 10
    assert reach[0] == pytest.approx(4, abs=0.5) and reach[5] == pytest.approx(16 * 0.625, abs=0.5)
    assert coordinate_rows(config, radius_squared, 20, 10) is None


def test_a_fraction_of_the_coordinates() -> None:
    radius_squared = (FourierGrid(16).half_disc_pixels ** 2).sum(1)
    config = TrainingConfig(coordinate_fraction=0.25)
    first, again, other = (coordinate_rows(config, radius_squared, step, 10) for step in (3, 3, 4))
    assert first is not None and again is not None and other is not None
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert len(first) == len(first.unique()) == round(0.25 * len(radius_squared))
    assert coordinate_rows(TrainingConfig(), radius_squared, 0, 10) is None


def test_token_masks_of_processes_are_parts_of_one() -> None:
    config = TrainingConfig(input_mask_fraction=0.3)
    one = token_mask(config, 8, 100, step=5)
    assert one is not None and float(one.mean()) == pytest.approx(0.7, abs=0.06)
    for rank in range(2):
        part = token_mask(config, 4, 100, step=5, rank=rank, world=2)
        assert part is not None and torch.equal(part, one[rank::2])
    assert token_mask(TrainingConfig(), 8, 100, step=5) is None
    assert np.isin(one.numpy(), [0.0, 1.0]).all()


def test_coefficients_are_held_out_anew_at_each_step() -> None:
    config = TrainingConfig(held_out_fraction=0.25)
    first, again, other = (hidden_coefficients(config, 40, step) for step in (3, 3, 4))
    assert first is not None and again is not None and other is not None
    assert int(first.sum()) == int(other.sum()) == 10
    assert torch.equal(first, again) and not torch.equal(first, other)
    often = torch.stack([_hidden(config, step) for step in range(200)]).float().mean(0)
    assert float(often.min()) > 0.1 and float(often.max()) < 0.45  # each in turn
    assert hidden_coefficients(TrainingConfig(), 40, 0) is None


def _hidden(config: TrainingConfig, step: int) -> torch.Tensor:
    hidden = hidden_coefficients(config, 40, step)
    assert hidden is not None
    return hidden


def test_something_is_always_seen_and_something_held_out() -> None:
    for fraction in (0.01, 0.99):
        hidden = hidden_coefficients(TrainingConfig(held_out_fraction=fraction), 5, 0)
        assert hidden is not None and 0 < int(hidden.sum()) < 5


def test_a_loss_below_the_floor_is_copied_noise() -> None:
    assert not copies_noise(0.8, 0.8) and not copies_noise(0.797, 0.8) and copies_noise(0.79, 0.8)
