"""Makes the pages of the site that the program writes about itself, when the site is built (a hook of MkDocs).

Pages by hand lie beside this file; those that ``making/`` makes of the program never lie on the disk.
"""

from __future__ import annotations

from typing import Any

from making import maths, pages, site
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put what is generated into the navigation."""
    pages.analyzers.cache_clear()  # mkdocs serve builds again and again
    config.nav = site.navigated(config.nav)
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add every page that is generated."""
    for address, content in sorted(site.made_pages().items()):
        files.append(File.generated(config, address, content=content))
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """Fill in what pages by hand leave to the program, and link rules."""
    return site.filled(markdown, page.file.src_uri)


def on_page_content(content: str, **_: Any) -> str:
    """Draw formulas."""
    return maths.drawn(content)
