"""The form knows every key of the configuration, and tells what was changed in the words of ``--set``."""

from __future__ import annotations

import pytest

from cryohype_app.views.form import ELSEWHERE, FIRST, ConfigForm, fields
from cryohype_model.config import RunConfig, load_config, preset_names
from cryohype_model.errors import ConfigError


def test_every_key_has_a_widget_or_a_place_elsewhere() -> None:
    def keys(tree: dict[str, object], prefix: str = "") -> set[str]:
        found: set[str] = set()
        for name, value in tree.items():
            found |= keys(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name}
        return found

    form = ConfigForm(RunConfig(), lambda: None)
    assert set(form.widgets) | ELSEWHERE == keys(RunConfig().model_dump())
    assert set(FIRST) <= set(form.widgets)


@pytest.mark.parametrize("preset", preset_names())
def test_untouched_nothing_is_set(preset: str) -> None:
    assert ConfigForm(load_config(preset=preset), lambda: None).overrides == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("training.epochs", 7), ("training.learning_rate", 3e-4), ("data.contrast", "dark"),
        ("model.inr.fold", False), ("model.inr.hidden", 96), ("data.datadir", '/with "quotes" and spaces'),
    ],
)  # fmt: skip
def test_a_change_is_one_override_that_the_configuration_understands(key: str, value: object) -> None:
    changes: list[int] = []
    form = ConfigForm(load_config(preset="cpu-small"), lambda: changes.append(1))
    form.widgets[key].value = value
    assert changes
    (override,) = form.overrides
    config: object = load_config(preset="cpu-small", overrides=[override])
    for part in key.split("."):
        config = getattr(config, part)
    assert config == value


def test_help_comes_from_the_schema() -> None:
    described = {key: info.description for key, info in fields()}
    form = ConfigForm(RunConfig(), lambda: None)
    assert all(form.widgets[key].description == text for key, text in described.items())


def test_what_was_emptied_is_told_for_no_override_can_say_it() -> None:
    form = ConfigForm(load_config(preset="cpu-small"), lambda: None)
    assert form.emptied == []
    form.widgets["data.box_px"].value = ""
    assert form.emptied == ["data.box_px"]
    assert form.overrides == []


def test_a_number_that_may_be_none_is_an_empty_field_and_what_is_typed_is_a_number() -> None:
    form = ConfigForm(load_config(preset="cpu-small"), lambda: None)
    assert [form.widgets[key].value for key in ("data.box_px", "training.images_at_once")] == ["32", ""]
    form.widgets["training.images_at_once"].value = " 8"
    assert form.overrides == ["training.images_at_once=8"]
    assert load_config(preset="cpu-small", overrides=form.overrides).training.images_at_once == 8
    assert (form.value("training.images_at_once"), form.value("data.optics_group")) == (8, None)
    form.widgets["data.optics_group"].value = "two"
    with pytest.raises(ConfigError, match=r"data.optics_group is a number, not 'two'"):
        form.value("data.optics_group")
