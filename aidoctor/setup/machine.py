"""The checks of the machine itself: page, data folder, disk, memory."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import tempfile
from pathlib import Path

import psutil

from aidoctor.domain import ModelCard
from aidoctor.setup import needs
from aidoctor.setup.check import Check, State
from aidoctor.setup.figures import size


def check_page(page: Path) -> Check:
    """The built page is part of this installation."""
    if (page / "index.html").is_file():
        return Check("page", "Page", State.OK, "The page is built.")
    return Check(
        "page",
        "Page",
        State.FAILED,
        "The page has not been built in this installation.",
        "In the source folder run `make page`, or install the published wheel.",
        "make page",
    )


def check_folder(folder: Path) -> Check:
    """The data folder can be written, or made, and nobody else can read it."""
    title = "Data folder"
    if not folder.exists():
        above = _existing(folder)
        if os.access(above, os.W_OK | os.X_OK):
            return Check("folder", title, State.OK, f"{folder} will be made at the first start.")
        return _unusable(folder, f"{above} cannot be written")
    try:
        with tempfile.TemporaryFile(dir=folder) as trial:
            trial.write(b"\0")
    except OSError as error:
        return _unusable(folder, error.strerror or type(error).__name__)
    if os.name == "posix" and stat.S_IMODE(folder.stat().st_mode) & 0o077:
        sentence = f"Other users of this machine can look into {folder}."
        command = f"chmod 700 {shlex.quote(str(folder))}"
        return Check("folder", title, State.WARNING, sentence, "Take that right away.", command)
    return Check("folder", title, State.OK, f"{folder} is writable and yours alone.")


def _unusable(folder: Path, reason: str) -> Check:
    sentence = f"{folder} cannot be used: {reason}."
    fix = "Make it writable, or set data_dir to another folder."
    return Check("folder", "Data folder", State.FAILED, sentence, fix)


def check_disk(folder: Path, wanted: int) -> Check:
    """There is room below `folder` for `wanted` bytes that are still to come, and to spare."""
    free = shutil.disk_usage(_existing(folder)).free
    room = wanted + needs.SPARE
    if free >= room:
        use = f"; the model takes {size(wanted)}" if wanted else ""
        return Check("disk", "Disk", State.OK, f"{size(free)} are free{use}.")
    state = State.FAILED if free < wanted else State.WARNING
    sentence = f"Only {size(free)} are free; {size(room)} are advised."
    return Check(
        "disk", "Disk", state, sentence, "Delete what you no longer need, or move data_dir."
    )


def check_memory(model: str, card: ModelCard | None) -> Check:
    """The machine has the memory that the model takes."""
    memory = psutil.virtual_memory()
    known = needs.of(model)
    wanted = known.memory if known else 2 * card.size if card else 0
    have = f"This machine has {size(memory.total)} of memory"
    if memory.total < wanted * 0.9:  # a machine sold with 8 GB reports a little less
        fix = "Choose a smaller model, or expect slow answers or none."
        advice = f"{have}; {size(wanted)} are advised for {model}."
        return Check("memory", "Memory", State.WARNING, advice, fix)
    if wanted and memory.available < wanted * 0.5:
        advice = f"{have}, but only {size(memory.available)} are free now."
        return Check("memory", "Memory", State.WARNING, advice, "Close other programs first.")
    return Check("memory", "Memory", State.OK, f"{have}.")


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next((place for place in (folder, *folder.parents) if place.exists()), Path("/"))
