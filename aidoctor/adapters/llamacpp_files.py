"""Which model files this machine has for the embedded engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aidoctor.errors import EngineMissing, ModelMissing
from aidoctor.settings import Settings


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model and, where it sees, its vision projector."""

    gguf: Path
    mmproj: Path | None = None

    @property
    def name(self) -> str:
        """The file's stem: what `model` selects."""
        return self.gguf.stem

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(path.stat().st_size for path in (self.gguf, self.mmproj) if path)


def find_files(settings: Settings) -> list[ModelFiles]:
    """The file that is set, or all in the data folder's `models`, by name.

    A projector is a file with `mmproj` in its name: the one that is set, else the one beside the
    model, else the only one there is.
    """
    if settings.gguf:
        paths = [settings.gguf] if settings.gguf.is_file() else []
    else:
        paths = [path for path in _all(settings.data_dir / "models") if not _is_projector(path)]
    return [ModelFiles(path, settings.mmproj or _projector(path, settings)) for path in paths]


def choose_files(settings: Settings, model: str) -> ModelFiles:
    """The files that `model` names by stem, or the only ones.

    Raises `EngineMissing` where there are none, `ModelMissing` where it is not clear which.
    """
    found = find_files(settings)
    chosen = [files for files in found if files.name == model] or found
    if len(chosen) == 1:
        return chosen[0]
    if chosen:
        names = ", ".join(files.name for files in chosen)
        raise ModelMissing(
            what="There are several model files.", fix=f"Set model to one of: {names}."
        )
    if settings.gguf:
        raise ModelMissing(
            what=f"There is no file {settings.gguf}.", fix="Correct the setting gguf."
        )
    raise EngineMissing


def _projector(path: Path, settings: Settings) -> Path | None:
    beside = [file for file in sorted(path.parent.glob("*.gguf")) if _is_projector(file)]
    anywhere = [file for file in _all(settings.data_dir / "models") if _is_projector(file)]
    if beside:
        return beside[0]
    return anywhere[0] if len(anywhere) == 1 and not settings.gguf else None


def _all(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.gguf"))


def _is_projector(path: Path) -> bool:
    return "mmproj" in path.name.lower()
