"""Sphinx configuration: plain pages in Markdown, reference pages generated from the code, no external request."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from cryohype_model import __version__

project = "CryoHype"
author = "the CryoHype developers"
copyright = "2026, the CryoHype developers"
release = __version__

extensions = ["myst_parser", "generated_reference"]
myst_enable_extensions = ["deflist"]  # no math: MathJax would be fetched from a server that is not ours
myst_heading_anchors = 3
exclude_patterns = ["_build", "_ext"]

html_theme = "furo"
html_title = f"CryoHype {__version__}"
html_show_sourcelink = False
html_copy_source = False
