"""Settings of the machine and its environment, read once and passed down.

Order of authority: `AIDOCTOR_*` in the environment, then what the person chose on the page (kept
in the store), then `aidoctor.toml` in the user's configuration folder, then the defaults here.
A file in the working folder is never read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def config_file() -> Path:
    """Where `aidoctor.toml` is looked for."""
    return Path(platformdirs.user_config_dir("aidoctor", appauthor=False)) / "aidoctor.toml"


def _data_dir() -> Path:
    return Path(platformdirs.user_data_dir("aidoctor", appauthor=False))


class Settings(BaseSettings):
    """Every setting, its default and its meaning."""

    model_config = SettingsConfigDict(env_prefix="AIDOCTOR_", frozen=True, extra="forbid")

    engine: str = Field("auto", description="auto, ollama, openai, llamacpp, or the name of an installed engine.")
    model: str = Field("medgemma1.5:4b-it-q4_K_M", description="Base tag of the model to ask.")
    ollama_host: str = Field("http://127.0.0.1:11434", description="Address of the Ollama server.")
    openai_base_url: str = Field("", description="Base URL of an OpenAI-compatible server, ending in /v1.")
    openai_api_key: SecretStr = Field(SecretStr(""), description="Key for that server, where it needs one.")
    allow_remote_engine: bool = Field(False, description="Allow an engine address outside this machine.")
    gguf: Path | None = Field(None, description="Model file for the embedded engine (GGUF).")
    mmproj: Path | None = Field(None, description="Vision projector for the embedded engine (GGUF).")
    context_tokens: int | None = Field(None, ge=512, description="Size of the context in tokens; by default the Modelfile's num_ctx.")
    answer_tokens: int = Field(2048, ge=16, description="Longest answer in tokens.")
    temperature: float = Field(0.0, ge=0, le=2, description="0 is greedy, as MedGemma is meant to be run.")
    think: bool = Field(False, description="Let models think before they answer, where they can.")
    threads: int = Field(0, ge=0, description="CPU threads of the embedded engine; 0 lets it choose.")
    keep_alive: str = Field("30m", description="How long Ollama keeps the model in memory after an answer.")
    parallel_answers: int = Field(1, ge=1, le=64, description="Answers the engine may write at once; others wait, visibly.")
    connect_timeout: float = Field(10, gt=0, description="Seconds to reach the engine.")
    first_token_timeout: float = Field(900, gt=0, description="Seconds until the first token; progress restarts it.")
    token_timeout: float = Field(60, gt=0, description="Seconds between two tokens.")
    data_dir: Path = Field(default_factory=_data_dir, description="Folder of conversations and models.")
    host: str = Field("127.0.0.1", description="Address to listen on; loopback only.")
    port: int = Field(3000, ge=1, le=65535, description="Port of the page.")
    open_browser: bool = Field(True, description="Open the page in the browser at start.")
    hub_endpoint: str = Field("https://huggingface.co", description="Where model files for the embedded engine come from.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("warning", description="How much is logged; never what people write.")
