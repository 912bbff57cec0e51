"""A form made from the configuration's schema: what is changed becomes ``--set section.key=value``."""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Iterator
from typing import Any, Literal, Union, get_args, get_origin

import panel as pn
import panel_material_ui as pmui
from panel.viewable import Viewer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from cryohype_model.config import RunConfig
from cryohype_model.errors import ConfigError

FIRST = ("training.epochs", "training.batch_size", "training.learning_rate", "data.box_px", "data.contrast")
ELSEWHERE = {  # chosen by other parts of the page
    "format_version", "data.particles", "training.accelerator", "training.devices", "training.nodes",
}  # fmt: skip


def fields(section: type[BaseModel] = RunConfig, prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every key of the configuration that is no section, with its field."""
    for name, info in section.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from fields(info.annotation, f"{prefix}{name}.")
        elif prefix + name not in ELSEWHERE:
            yield prefix + name, info


class ConfigForm(Viewer):
    """Widgets of every key; :attr:`overrides` tells those that differ from the configuration that the form began with.

    Parameters
    ----------
    config : values to begin with. changed : called after every change.
    """

    def __init__(self, config: RunConfig, changed: Callable[[], None]) -> None:
        super().__init__()
        self.config, self.changed = config, changed
        self.widgets = {key: _widget(key, info, value_of(config, key)) for key, info in fields()}
        self._numbers = {key: kind for key, info in fields() if (kind := _kind(info.annotation)[0]) in {int, float}}
        for widget in self.widgets.values():
            widget.param.watch(lambda _: self.changed(), "value")

    @property
    def overrides(self) -> list[str]:
        """``section.key=value`` in TOML syntax."""
        changed = {
            key: widget.value for key, widget in self.widgets.items() if not _same(widget.value, value_of(self.config, key))
        }
        return [f"{key}={self._word(key, value)}" for key, value in changed.items() if value is not None and value != ""]

    def _word(self, key: str, value: Any) -> str:
        """A value in TOML: what stands in a text field of a number is taken as it was typed."""
        return value.strip() if isinstance(value, str) and key in self._numbers else json.dumps(value)

    def value(self, key: str) -> Any:
        """What stands in a field, None where it is empty.

        Raises
        ------
        ConfigError : text where a number belongs.
        """
        value = self.widgets[key].value
        if isinstance(value, str) and key in self._numbers and (text := value.strip()):
            try:
                return self._numbers[key](text)
            except ValueError:
                raise ConfigError(f"{key} is a number, not {text!r}; correct it or leave it empty") from None
        return None if value == "" else value

    @property
    def emptied(self) -> list[str]:
        """Keys whose value was taken away: TOML has no word for that, so no override can say it."""
        return [
            key
            for key, widget in self.widgets.items()
            if widget.value in {None, ""} and value_of(self.config, key) not in {None, ""}
        ]

    def __panel__(self) -> Any:
        first = pmui.FlexBox(*(self.widgets[key] for key in FIRST), margin=0)
        rest: dict[str, list[Any]] = {}
        for key, widget in self.widgets.items():
            if key not in FIRST:
                rest.setdefault(key.rpartition(".")[0], []).append(widget)
        more = pmui.Accordion(*((section, pmui.FlexBox(*widgets, margin=0)) for section, widgets in rest.items()), margin=(6, 0))
        more.sizing_mode = "stretch_width"
        return pn.Column(first, more, sizing_mode="stretch_width", margin=0)


def value_of(config: RunConfig, key: str) -> Any:
    """The value of ``section.key``."""
    value: Any = config
    for part in key.split("."):
        value = getattr(value, part)
    return value


def _widget(key: str, info: FieldInfo, value: Any) -> Any:
    name = key.rpartition(".")[2]
    look: dict[str, Any] = {
        "label": name.replace("_", " "),
        "description": info.description,
        "width": 168,
        "size": "small",
        "margin": 4,
    }
    kind, options = _kind(info.annotation)
    if options:
        return pmui.Select(options=list(options), value=value, **look)
    if kind is bool:
        look.pop("size")
        return pmui.Switch(value=value, **(look | {"margin": (12, 4)}))
    if kind in {int, float} and type(None) in get_args(info.annotation):  # an empty field for numbers shows 0
        return pmui.TextInput(value="" if value is None else str(value), **look)
    if kind is int:
        return pmui.IntInput(value=value, **look)
    if kind is float:
        return pmui.FloatInput(value=value, format="0.[000000]", **look)
    return pmui.TextInput(value=value or "", **look)


def _kind(annotation: Any) -> tuple[Any, tuple[str, ...]]:
    """The type of a key, and its options when it has a closed list; that it may be none is left aside."""
    if get_origin(annotation) is Literal:
        return str, get_args(annotation)
    if get_origin(annotation) in {Union, types.UnionType}:
        return _kind(next(part for part in get_args(annotation) if part is not type(None)))
    return annotation, ()


def _same(given: Any, before: Any) -> bool:
    if isinstance(given, str) and isinstance(before, int | float):
        return given.strip() == str(before)
    return bool(given == before) or (given in {None, ""} and before in {None, ""})
