from __future__ import annotations

import pandas as pd
import panel_material_ui as pmui
import pytest

from cryohype_app.jobs.devices import Device, HostUse
from cryohype_app.views.log import LogView
from cryohype_app.views.monitor import Glance, machine_use, standing
from cryohype_app.views.page import plain
from cryohype_model.runs.manifest import Manifest


@pytest.mark.parametrize(
    "name", ["<b>x</b>", "*run* _1_", "# run", "[a](javascript:b)", "`c`", "a & b", "&lt;", "1. one", "~~d~~", "plain é"]
)
def test_a_name_is_shown_as_it_is(name: str) -> None:
    from markdown_it import MarkdownIt

    shown = MarkdownIt("commonmark", {"html": True}).render(plain(name))
    assert (
        shown.strip().removeprefix("<p>").removesuffix("</p>").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        == name
    )
    assert pmui.Typography(plain(name)).object == plain(name)


def test_a_log_is_text_and_only_news_is_sent() -> None:
    log, sent = LogView("9em"), []
    log.param.watch(lambda event: sent.append(event.new), "object")
    log.show("step 1 <loss>")
    log.show("step 1 <loss>")
    assert len(sent) == 1 and "step 1 &lt;loss&gt;" in sent[0]


def test_each_gpu_is_told_beside_the_host() -> None:
    gpu = Device("cuda:1", "H100", None, 20_000_000_000, 80_000_000_000, 93.0)
    said = machine_use(HostUse(12.4, 3_000_000_000, 24_000_000_000), (Device("cpu", "CPU", cores=2), gpu))
    assert said == "CPU 12 %, memory 3.0 of 24.0 GB · GPU 1 93 %, 20.0 of 80.0 GB"


def test_before_the_first_step_a_training_says_what_it_does() -> None:
    log = "2026-11-28 21:19:02  200 particles\n2026-11-28 21:19:10  volumes of classes: pass 4/6  noise 0.9128\n"
    manifest = Manifest(status="running", particles=200)
    words, share = standing(Glance(manifest, pd.DataFrame(), log, "", "CPU 12 %"), 3)
    assert words == f"**running** · epoch 0 of 3 · {plain('volumes of classes: pass 4/6  noise 0.9128')} · CPU 12 %"
    assert share == 0
    metrics = pd.DataFrame({"loss": [0.5], "lr": [1e-3], "images_per_s": [100.0], "memory_gb": [1.0]})
    words, _ = standing(Glance(manifest, metrics, log, "", "CPU 12 %"), 3)
    assert "pass 4/6" not in words and "loss 0.5000" in words
    ended, _ = standing(Glance(Manifest(status="failed", message="no room"), pd.DataFrame(), log, "", "CPU 12 %"), 3)
    assert "pass 4/6" not in ended and ended.endswith("no room")
