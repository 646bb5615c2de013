"""Start: a folder of its own, Reflex's environment, one process per data folder, the port.

Reflex executes any `rxconfig.py` in the working folder and falls back to unsafe defaults without
one, so the process first moves to a folder of its own and says everything in the environment.
This is the one module that writes to the environment.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from aidoctor.errors import NodeMissing, NoRoom, PortTaken
from aidoctor.settings import PREFIX, Settings


def page_origins(port: int) -> list[str]:
    """The origins under which a browser on this machine may show the page."""
    return [f"http://{host}:{port}" for host in ("localhost", "127.0.0.1", "[::1]")]


def reflex_environment(port: int, folder: Path) -> dict[str, str]:
    """Every Reflex setting that matters, for a server on `port` that keeps to `folder`."""
    return {
        "REFLEX_APP_NAME": "aidoctor",
        "REFLEX_ENV_MODE": "prod",
        "__REFLEX_SKIP_COMPILE": "true",
        "REFLEX_BACKEND_ONLY": "true",  # else rx.asset writes links into the working folder
        "REFLEX_BACKEND_HOST": "127.0.0.1",
        "REFLEX_BACKEND_PORT": str(port),
        "REFLEX_FRONTEND_PORT": str(port),
        "REFLEX_API_URL": f"http://localhost:{port}",
        "REFLEX_CORS_ALLOWED_ORIGINS": ",".join(page_origins(port)),
        "REFLEX_STATE_MANAGER_MODE": "memory",
        "REFLEX_TELEMETRY_ENABLED": "false",
        "REFLEX_CHECK_LATEST_VERSION": "false",
        "REFLEX_SHOW_BUILT_WITH_REFLEX": "false",
        "REFLEX_PERF_MODE": "off",
        "REFLEX_DIR": str(folder / "reflex"),
        "REFLEX_WEB_WORKDIR": str(folder / "web"),
        "REFLEX_STATES_WORKDIR": str(folder / "states"),
        "REFLEX_UPLOADED_FILES_DIR": str(folder / "uploads"),
    }


def node_environment() -> dict[str, str]:
    """What building the page needs: our Node first, and the registry this machine is set up for.

    Without the latter Reflex would ask two registries of its own which answers sooner.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {
        "PATH": path,
        "REFLEX_USE_NPM": "1",
        "REFLEX_CHECK_LATEST_VERSION": "false",
        "NPM_CONFIG_REGISTRY": os.environ.get("NPM_CONFIG_REGISTRY") or _registry(path),
        "NPM_CONFIG_OMIT_LOCKFILE_REGISTRY_RESOLVED": "true",
        "NPM_CONFIG_AUDIT": "false",
        "NPM_CONFIG_FUND": "false",
        "NPM_CONFIG_UPDATE_NOTIFIER": "false",
    }


def _registry(path: str) -> str:
    npm = shutil.which("npm", path=path)
    if npm is None:
        raise NodeMissing
    command = [npm, "config", "get", "registry"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    return said.stdout.strip()


def settle(settings: Settings) -> Path:
    """Move to a folder of our own below the data folder and set Reflex's environment.

    Call before Reflex is imported. Raises `NoRoom` where the folder cannot be made.
    """
    folder = settings.data_dir / "run"
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise NoRoom(what=f"The data folder {settings.data_dir} cannot be used.") from error
    for name in [name for name in os.environ if name.lstrip("_").startswith("REFLEX_")]:
        del os.environ[name]
    os.environ.update(reflex_environment(settings.port, folder), **_pinned_paths(settings))
    os.chdir(folder)
    return folder


def _pinned_paths(settings: Settings) -> dict[str, str]:
    """The paths of the environment in full, since they are read again in another folder."""
    pairs = ((PREFIX + name.upper(), getattr(settings, name)) for name in Settings.model_fields)
    return {
        variable: str(value)
        for variable, value in pairs
        if isinstance(value, Path) and os.environ.get(variable)
    }


def listen(settings: Settings) -> socket.socket:
    """Bind the page's address. Raises `PortTaken`."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    if os.name == "posix":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise PortTaken(
            what=f"Another program is using port {settings.port}.",
            fix=f"Close it, or choose another port: AIDOCTOR_PORT={settings.port + 1}.",
        ) from error
    return listener
