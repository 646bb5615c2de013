"""Reflex's configuration for `reflex run` and for the build of the page.

`aidoctor` itself never reads this file: its launcher puts the same values into the environment.
"""

import os

import reflex as rx

from aidoctor.launch import node_environment, page_origins

os.environ.update(node_environment())

config = rx.Config(
    app_name="aidoctor",
    backend_host="127.0.0.1",
    cors_allowed_origins=page_origins(int(os.environ.get("REFLEX_FRONTEND_PORT") or 3000)),
    state_manager_mode=rx.constants.StateManagerMode.MEMORY,
    telemetry_enabled=False,
    show_built_with_reflex=False,
    plugins=[
        rx.plugins.RadixThemesPlugin(
            theme=rx.theme(appearance="inherit", accent_color="teal", gray_color="sand")
        ),
    ],
    disable_plugins=[rx.plugins.SitemapPlugin],
)
