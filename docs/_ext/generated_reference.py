"""Reference pages made from the code at each build: commands from their parsers, configuration from its schema, presets."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from cryohype_model.cli import COMMANDS, command_parser
from cryohype_model.cli.config_command import config_keys
from cryohype_model.config import RunConfig, preset_names, preset_text


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before Sphinx looks for them."""
    app.connect("builder-inited", _write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _write_pages(app: Sphinx) -> None:
    folder = Path(app.srcdir) / "reference" / "generated"
    folder.mkdir(parents=True, exist_ok=True)
    os.environ |= {"COLUMNS": "100", "NO_COLOR": "1"}  # argparse writes its usage for the terminal that it finds
    pages = {"configuration": _configuration_page(), "presets": _presets_page()}
    pages |= {f"command-{name}": _command_page(name) for name in COMMANDS}
    for stale in set(folder.glob("*.md")) - {folder / f"{name}.md" for name in pages}:
        stale.unlink()
    for name, lines in pages.items():
        _write_if_changed(folder / f"{name}.md", "\n".join(lines) + "\n")


def _write_if_changed(path: Path, text: str) -> None:
    """Leave an equal file alone, so that Sphinx does not read it again."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _command_page(name: str) -> Iterator[str]:
    parser = command_parser(name)
    yield f"# cryohype {name}\n"
    yield from _parser_lines(parser)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for word, inner in action.choices.items():
                yield f"\n## {name} {word}\n\n{_sentence(helps.get(word, ''))}\n"
                yield from _parser_lines(inner)


def _parser_lines(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Usage, description, and the options group by group."""
    usage = parser.format_usage().rstrip().removeprefix("usage: ").replace("\n       ", "\n")
    yield f"```text\n{usage}\n```"
    yield from _description(parser.description or "")
    for group in parser._action_groups:
        actions = [action for action in group._group_actions if _is_documented(action)]
        if actions:
            yield f"\n**{(group.title or 'options').capitalize()}**\n"
            for action in actions:
                yield f"`{_spelling(action)}`\n: {_plain(_help(parser, action))}\n"


def _description(text: str) -> Iterator[str]:
    """Paragraphs as prose, lines that are commands as a block of code."""
    for paragraph in filter(None, re.split(r"\n\s*\n", text.strip())):
        if all(line.strip().startswith("cryohype ") for line in paragraph.splitlines()):
            yield f"\n```text\n{paragraph}\n```"
        else:
            yield "\n" + "\n".join(_plain(line) for line in paragraph.splitlines())


def _is_documented(action: argparse.Action) -> bool:
    hidden = isinstance(action, (argparse._HelpAction, argparse._SubParsersAction))
    return not hidden and action.help is not argparse.SUPPRESS


def _spelling(action: argparse.Action) -> str:
    """``-o, --output FILE``, or the name of a positional argument."""
    if not action.option_strings:
        return _metavar(action)
    value = "" if action.nargs == 0 else f" {_metavar(action)}"
    return ", ".join(action.option_strings) + value


def _metavar(action: argparse.Action) -> str:
    if action.metavar is None and action.choices is not None:
        return "{" + ",".join(map(str, action.choices)) + "}"
    metavar = action.metavar or (action.dest.upper() if action.option_strings else action.dest)
    return metavar if isinstance(metavar, str) else " ".join(metavar)


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    text = parser._get_formatter()._expand_help(action) if action.help else ""
    return text + (" (required)" if action.required and action.option_strings else "")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{_plain(text[1:])}."


def _plain(text: str) -> str:
    """Text whose stars, brackets and the like are meant as they stand; `code` stays code."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([\\*_<>\[\]|])", r"\\\1", part) for part in parts)


def _configuration_page() -> Iterator[str]:
    yield "# Configuration\n"
    yield "Every key, with its type, default and meaning. A key is set in a TOML file (`-c FILE`) or on the command line"
    yield "(`--set training.epochs=20`); a misspelt key is an error that names the nearest valid one.\n"
    section = None
    for key in config_keys():
        before, _, _ = key.name.rpartition(".")
        if before != section:
            section = before
            yield from _section_lines(section)
        yield f"`{key.name}` = `{key.default}`\n: {_plain(key.description)} ({_plain(key.kind)}).\n"


def _section_lines(section: str) -> Iterator[str]:
    if not section:
        return
    model: Any = RunConfig
    for part in section.split("."):
        model = model.model_fields[part].annotation
    yield f"\n## [{section}]\n\n{_plain(model.__doc__ or '')}\n"


def _presets_page() -> Iterator[str]:
    yield "# Presets\n"
    yield "Each begins with the command that runs it and what to expect. What a preset does not say is the"
    yield "[default](configuration.md); `cryohype config new --preset NAME` writes both out.\n"
    for name in preset_names():
        yield f"## {name}\n\n```toml\n{preset_text(name).rstrip()}\n```\n"
