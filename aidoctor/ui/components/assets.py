"""The files of the components, side by side in the page build so that they import each other."""

from __future__ import annotations

from typing import Final

import reflex as rx

FILES: Final = (
    "Answer.jsx",
    "Composer.jsx",
    "CopyButton.jsx",
    "ImportButton.jsx",
    "Keys.jsx",
    "Lightbox.jsx",
    "Markdown.jsx",
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

SOURCES: Final = {name: rx.asset(name, shared=True).importable_path for name in FILES}
"""Import path of each file inside the page build."""
