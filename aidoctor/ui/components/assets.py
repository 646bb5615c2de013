"""The files of the components, side by side in the page build so that they import each other."""

from __future__ import annotations

from typing import Final

import reflex as rx
from reflex_base.environment import environment

FILES: Final = (
    "Answer.jsx",
    "Composer.jsx",
    "CopyButton.jsx",
    "Drawer.jsx",
    "ImportButton.jsx",
    "Keys.jsx",
    "Lightbox.jsx",
    "Markdown.jsx",
    "Naming.jsx",
    "Printer.jsx",
    "Pulse.jsx",
    "Question.jsx",
    "Siblings.jsx",
    "Thread.jsx",
    "Tray.jsx",
    "Welcome.jsx",
    "backend.js",
    "blocks.js",
    "cadence.js",
    "composer.css",
    "desk.js",
    "drafts.js",
    "icons.jsx",
    "markdown.css",
    "parse.js",
    "stream.js",
    "takeAway.js",
    "theme.css",
    "thread.css",
    "upload.js",
    "waiting.js",
    "welcome.css",
)

NPM: Final = [
    "mdast-util-from-markdown@2.1.0",
    "mdast-util-gfm-autolink-literal@2.1.0",
    "mdast-util-gfm-strikethrough@2.0.1",
    "mdast-util-gfm-table@2.0.1",
    "mdast-util-gfm-task-list-item@2.0.1",
    "micromark-extension-gfm-autolink-literal@2.1.0",
    "micromark-extension-gfm-strikethrough@2.1.0",
    "micromark-extension-gfm-table@2.1.2",
    "micromark-extension-gfm-task-list-item@2.1.0",
]
"""The Markdown parser, pinned; bundled into the page at build time."""


def _sources() -> dict[str, str]:
    """Have Reflex link every file where a page is built; a running program needs names alone.

    Each call of `rx.asset` reads the whole stack, which would cost the start most of a second.
    """
    first = FILES[0]
    folder = rx.asset(first, shared=True).importable_path.removesuffix(first)
    if not environment.REFLEX_BACKEND_ONLY.get():
        for name in FILES:
            rx.asset(name, shared=True)
    return {name: folder + name for name in FILES}


SOURCES: Final = _sources()
"""Import path of each file inside the page build."""
