"""How Sphinx makes a site of these pages (`make docs`)."""

from __future__ import annotations

project = "Skyhouse"
author = copyright = "the Skyhouse developers"  # noqa: A001 - Sphinx's name for it
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "Skyhouse"
exclude_patterns = ["build"]
myst_heading_anchors = 3
