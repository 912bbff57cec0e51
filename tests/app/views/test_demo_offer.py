"""The offer to train the demo: only where the demo lies, one job with its analysis, and what follows it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import panel_material_ui as pmui
import pytest

from cryohype_app.demo import Demo, unpack_demo
from cryohype_app.jobs.book import JobBook
from cryohype_app.roots import Roots
from cryohype_app.services import Services
from cryohype_app.store import DataStore
from cryohype_app.views.demo import NAME, DemoOffer, offer_demo, own_training
from cryohype_model.cli import command_parser


@pytest.fixture
def demo(tmp_path: Path) -> Demo:
    return unpack_demo(tmp_path / "store")


def _services(store: Path) -> Services:
    return Services(DataStore((store,)), JobBook(store), Roots.of([store]))


@pytest.fixture
def offers(demo: Demo) -> Callable[[], tuple[Services, list[str]]]:
    """A function that presses the button, and returns what the page then offers."""

    def press() -> tuple[Services, list[str]]:
        services = _services(demo.store)

        async def pressed() -> list[str]:
            offer = DemoOffer(services, demo)
            assert _labels(offer)[-1].startswith("Train it yourself")
            offer.train()
            for _ in range(200):
                await asyncio.sleep(0.02)
                if not _labels(offer)[-1].startswith("Train it yourself"):
                    break
            return _labels(offer)

        return services, asyncio.run(pressed())

    return press


def _labels(offer: DemoOffer) -> list[str]:
    return [button.label for button in offer.buttons.objects]


def _shown(services: Services) -> list[str]:
    """What a page that is opened now offers."""

    async def made() -> list[str]:
        page = pmui.Page()
        offer_demo(page, services)
        assert len(page.header) == 1
        return _labels(DemoOffer(services, Demo(services.data.home)))

    return asyncio.run(made())


def test_a_store_without_the_demo_offers_nothing(store: Path) -> None:
    page = pmui.Page()

    async def offered() -> None:
        offer_demo(page, _services(store))

    asyncio.run(offered())
    assert page.header == []


def test_the_button_puts_a_training_with_its_analysis_into_the_queue(
    demo: Demo, offers: Callable[[], tuple[Services, list[str]]]
) -> None:
    services, labels = offers()
    assert labels == ["Your training begins …"]
    (job,) = services.jobs.jobs()
    args = command_parser("train").parse_args(list(job.command[4:]))
    assert (args.particles, args.preset, args.output) == (str(demo.particles), "demo", demo.store / NAME)
    assert args.analyze


def test_the_offer_follows_the_training(demo: Demo, offers: Callable[[], tuple[Services, list[str]]]) -> None:
    services, _ = offers()
    shutil.copytree(demo.run.path, demo.store / NAME)  # as if it had been trained and analysed
    own = own_training(services)
    assert own is not None and own.run_id == demo.run_id() and not own.is_over
    assert _shown(services) == ["Watch your training"]
    services.jobs.stop(own.job_id)
    assert _shown(services)[0] == "Explore your run"
    shutil.rmtree(demo.store / NAME / "latents")
    assert [label[:17] for label in _shown(services)] == ["Train it yourself"]


def test_a_second_training_takes_the_next_name(demo: Demo, offers: Callable[[], tuple[Services, list[str]]]) -> None:
    services, _ = offers()
    services.jobs.stop(services.jobs.jobs()[0].id)
    (demo.store / NAME).mkdir()
    services, _ = offers()
    assert services.jobs.jobs()[0].run == demo.store / f"{NAME}-2"
