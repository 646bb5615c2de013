"""Settings come in layers, each value knows its origin, and mistakes are named where they stand."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aidoctor import settings
from aidoctor.errors import HostRefused, SettingsError
from aidoctor.settings import Settings, explain, is_loopback, load

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"


@pytest.fixture(autouse=True)
def config(tmp_path, monkeypatch):
    """A configuration file of our own and an environment without settings."""
    import os

    for name in [name for name in os.environ if name.startswith("AIDOCTOR_")]:
        monkeypatch.delenv(name)
    file = tmp_path / "config" / "aidoctor.toml"
    file.parent.mkdir()
    monkeypatch.setattr(settings, "config_file", lambda: file)
    return file


def origins(preferences=None):
    return {row.name: row.origin for row in explain(preferences)}


def test_defaults_need_nothing():
    """Without a file or a variable every setting is its default."""
    assert load() == Settings()
    assert set(origins().values()) == {"default"}


def test_environment_wins_over_page_wins_over_file(config, monkeypatch):
    """The environment is stronger than the page, and the page than the file."""
    config.write_text('model = "from-file"\nthink = true\nengine = "ollama"\n')
    monkeypatch.setenv("AIDOCTOR_ENGINE", "llamacpp")
    chosen = {"engine": "openai", "model": "from-page"}
    assert (load().engine, load().model) == ("llamacpp", "from-file")
    assert load(chosen).model_dump(include={"engine", "model", "think"}) == {
        "engine": "llamacpp",
        "model": "from-page",
        "think": True,
    }
    assert origins(chosen)["engine"] == "AIDOCTOR_ENGINE"
    assert origins(chosen)["model"] == "the page"
    assert origins(chosen)["think"] == f"{config}:2"


def test_the_page_cannot_move_the_data_or_open_the_door():
    """What a page keeps cannot change addresses, folders or the network."""
    harmful = {
        "host": "0.0.0.0",
        "ollama_host": "http://evil.example",
        "openai_base_url": "http://evil.example/v1",
        "allow_remote_engine": "true",
        "data_dir": "/tmp/elsewhere",
        "theme": "dark",
    }
    assert load(harmful) == Settings()


def test_a_file_in_the_working_folder_is_never_read(tmp_path, monkeypatch):
    """Neither aidoctor.toml nor .env in the working folder can send words away."""
    (tmp_path / "aidoctor.toml").write_text('ollama_host = "http://evil.example"')
    (tmp_path / ".env").write_text("AIDOCTOR_ALLOW_REMOTE_ENGINE=true")
    monkeypatch.chdir(tmp_path)
    assert load() == Settings()


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ('engine = "auto"\n\nmodell = "x"\n', "aidoctor.toml:3: there is no setting modell"),
        ("port = 3000\n[server]\nport = 1\n", "aidoctor.toml:2: there is no setting server"),
        ('# port\nport = "many"\n', "aidoctor.toml:2: port is not valid"),
        ("temperature = 9\n", "aidoctor.toml:1: temperature is not valid"),
        ("port = \n", "line 1"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_line(config, written, named):
    """An unknown or invalid setting stops the start and says where it stands."""
    config.write_text(written)
    with pytest.raises(SettingsError) as caught:
        load()
    assert named in caught.value.what


def test_a_mistyped_variable_is_named_with_what_was_meant(monkeypatch):
    """AIDOCTOR_PROT is not ignored."""
    monkeypatch.setenv("AIDOCTOR_PROT", "3001")
    with pytest.raises(SettingsError) as caught:
        load()
    assert "AIDOCTOR_PROT" in caught.value.what
    assert "AIDOCTOR_PORT" in caught.value.fix


def test_an_invalid_variable_is_named_without_its_value(monkeypatch):
    """An error never repeats what was written: it may be a key."""
    monkeypatch.setenv("AIDOCTOR_PORT", "sk-secret")
    with pytest.raises(SettingsError) as caught:
        load()
    assert "AIDOCTOR_PORT" in caught.value.what
    assert "sk-secret" not in f"{caught.value.what} {caught.value.fix} {caught.value}"


def test_secrets_are_masked(monkeypatch):
    """Neither `config` nor a printed Settings shows the key."""
    monkeypatch.setenv("AIDOCTOR_OPENAI_API_KEY", "sk-secret")
    shown = {row.name: row.value for row in explain()}
    assert shown["openai_api_key"] == '"********"'
    assert "sk-secret" not in repr(load())
    assert load().openai_api_key.get_secret_value() == "sk-secret"


def test_paths_stay_where_they_were_meant(config, tmp_path, monkeypatch):
    """A path in the file is relative to the file, one in the environment to the working folder."""
    config.write_text('gguf = "models/a.gguf"\nmmproj = ""\n')
    monkeypatch.setenv("AIDOCTOR_DATA_DIR", "data")
    monkeypatch.chdir(tmp_path)
    loaded = load()
    assert loaded.gguf == config.parent / "models" / "a.gguf"
    assert loaded.mmproj is None
    assert loaded.data_dir == tmp_path / "data"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com", ""])
def test_only_loopback_is_listened_on(config, host):
    """A host that others can reach is refused and the refusal says where it was set."""
    config.write_text(f'host = "{host}"')
    with pytest.raises(HostRefused) as caught:
        load()
    assert f"{config}:1" in caught.value.fix


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8", "[::1]"])
def test_loopback_is_recognised_in_every_spelling(host):
    """The names of this machine are all accepted."""
    assert is_loopback(host)


@given(st.text(max_size=40))
def test_no_text_is_taken_for_loopback_by_mistake(host):
    """Whatever is written, only addresses of 127/8, ::1 and localhost pass."""
    if is_loopback(host):
        bare = host.strip("[]").lower()
        assert bare == "localhost" or bare.startswith("127.") or ":" in bare


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented(name):
    """The table of settings names each one with its default and its meaning."""
    field = Settings.model_fields[name]
    row = next((r for r in DOCUMENT.read_text().splitlines() if r.startswith(f"| `{name}` |")), "")
    assert row, f"{name} is not in {DOCUMENT.name}"
    assert field.description and field.description.rstrip(".") in row
    if field.default_factory is None:
        assert f"`{settings.shown(field.default)}`" in row


def test_the_document_names_no_setting_that_is_gone():
    """A row for a setting that no longer exists fails."""
    rows = [r.split("`")[1] for r in DOCUMENT.read_text().splitlines() if r.startswith("| `")]
    assert set(rows) == set(Settings.model_fields)


def test_the_readme_leads_to_the_document():
    """People find the table from the first page."""
    assert "docs/configuration.md" in (DOCUMENT.parents[1] / "README.md").read_text()
