"""The Modelfile: read right, safe to run, and rendered as Gemma expects."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aidoctor import modelfile
from tests.kit import go_template, tiny_gguf

OURS = modelfile.ours()


def rendered(
    *turns: tuple[str, str], think: bool = False, system: str = "S", plan: str = ""
) -> str:
    """What Ollama makes of the turns with our TEMPLATE."""
    messages = [
        {"Role": role, "Content": text, "Thinking": plan if role == "assistant" else ""}
        for role, text in turns
    ]
    data = {"Messages": messages, "System": system, "Think": think}
    return go_template.render(OURS.template, data)


def test_what_it_fixes() -> None:
    """MedGemma 1.5 4B, a fixed context, greedy, one stop, a new enough Ollama."""
    assert OURS.base == "medgemma1.5:4b-it-q4_K_M"
    assert OURS.requires == "0.30.0"
    assert OURS.parameters == {
        "num_ctx": 8192,
        "num_predict": 2048,
        "temperature": 0,
        "stop": ["<end_of_turn>"],
    }
    assert modelfile.num_ctx() == 8192


def test_the_default_settings_agree_with_it() -> None:
    """One model, one answer length, one temperature, wherever they are written."""
    from aidoctor.settings import Settings

    fields = Settings.model_fields
    assert fields["model"].default == OURS.base
    assert fields["answer_tokens"].default == OURS.parameters["num_predict"]
    assert fields["temperature"].default == OURS.parameters["temperature"]


def test_the_licence_notice_is_the_one_its_makers_ask_for() -> None:
    """HAI-DEF's NOTICE, word for word, and that restrictions are passed on."""
    assert OURS.license.startswith(
        "HAI-DEF is provided under and subject to the Health AI Developer Foundations Terms of Use "
        "found at https://developers.google.com/health-ai-developer-foundations/terms"
    )
    assert "3.2" in OURS.license


@pytest.mark.parametrize(
    "promise",
    [
        "not a doctor",
        "everyday words",
        "emergency number",
        "first ask the one to three questions",
        "when to be seen",
        "not a diagnosis",
        "Describe only what you can really see",
        "Never make up",
        "no dose beyond what the package label says",
        "only help with health",
        "never orders for you",
        "in the person's language",
    ],
)
def test_the_system_text_says_what_it_must(promise: str) -> None:
    """Role, plain language, questions, when to be seen, nothing invented, doses, limits."""
    assert promise in OURS.system


def test_the_system_text_is_plain() -> None:
    """Short sentences and short words: it is read by a small model, and by people."""
    sentences = [s for s in re.split(r"[.!?:;\n]+", OURS.system) if s.strip(" -")]
    words = re.findall(r"[a-z]+", OURS.system.lower())
    assert len(words) / len(sentences) < 15
    assert sum(len(word) for word in words) / len(words) < 5.2
    assert len(words) < 600


def test_the_system_text_sets_off_no_reply_of_the_test_model() -> None:
    """The tiny model's trigger words do not occur in it."""
    assert not [word for word in tiny_gguf.TRIGGERS if word in OURS.system.lower()]


def test_one_question_is_rendered_as_gemma_expects() -> None:
    """The system text stands in front of the first user turn."""
    assert rendered(("system", "S"), ("user", "u")) == (
        "<start_of_turn>user\nS\n\nu<end_of_turn>\n<start_of_turn>model\n"
    )


def test_a_conversation_is_rendered_with_the_system_text_once() -> None:
    """Later turns stand bare."""
    assert rendered(("user", "u"), ("assistant", "a"), ("user", "v")) == (
        "<start_of_turn>user\nS\n\nu<end_of_turn>\n"
        "<start_of_turn>model\na<end_of_turn>\n"
        "<start_of_turn>user\nv<end_of_turn>\n<start_of_turn>model\n"
    )


def test_the_system_text_survives_when_ollama_cuts_the_first_turns() -> None:
    """[system, assistant, user]: Ollama's own template loses it here."""
    assert rendered(("system", "S"), ("assistant", "a"), ("user", "v")) == (
        "<start_of_turn>model\na<end_of_turn>\n"
        "<start_of_turn>user\nS\n\nv<end_of_turn>\n<start_of_turn>model\n"
    )


def test_thinking_is_asked_for_and_marked_in_history() -> None:
    """MedGemma's instruction before the system text; earlier thoughts between their marks."""
    assert rendered(("user", "u"), ("assistant", "a"), ("user", "v"), think=True, plan="p") == (
        "<start_of_turn>user\nSYSTEM INSTRUCTION: think silently if needed. S\n\nu<end_of_turn>\n"
        "<start_of_turn>model\n<unused94>thought\np<unused95>a<end_of_turn>\n"
        "<start_of_turn>user\nv<end_of_turn>\n<start_of_turn>model\n"
    )


def test_an_answer_at_the_end_is_left_open() -> None:
    """The model goes on with its own words."""
    assert rendered(("user", "u"), ("assistant", "a ")) == (
        "<start_of_turn>user\nS\n\nu<end_of_turn>\n<start_of_turn>model\na "
    )


def test_no_system_text_leaves_no_trace() -> None:
    """Nothing stands before the user's words then."""
    assert rendered(("user", "u"), system="") == (
        "<start_of_turn>user\nu<end_of_turn>\n<start_of_turn>model\n"
    )


def test_parsing_keeps_to_ollamas_rules() -> None:
    """Comments outside of blocks, blocks over lines, several stops, numbers as numbers."""
    parsed = modelfile.parse(
        "# FROM no\nFROM m:1\nPARAMETER stop <a>\nPARAMETER stop <b c>\nPARAMETER temperature 0.5\n"
        'PARAMETER num_ctx 4096\nTEMPLATE """# kept\n{{ .Prompt }}"""\nSYSTEM be kind\n'
    )
    assert (parsed.base, parsed.system, parsed.template) == (
        "m:1",
        "be kind",
        "# kept\n{{ .Prompt }}",
    )
    assert parsed.parameters == {"stop": ["<a>", "<b c>"], "temperature": 0.5, "num_ctx": 4096}
    assert parsed.num_ctx == 4096


def test_a_modelfile_without_its_parts_is_refused() -> None:
    """FROM, SYSTEM and TEMPLATE must be there."""
    with pytest.raises(ValueError, match="SYSTEM, TEMPLATE"):
        modelfile.parse("FROM m\n")


def test_the_file_in_the_clone_is_the_one_that_is_read() -> None:
    """One file, at the root, for people's own `ollama create` too."""
    text = (Path(__file__).parents[2] / "Modelfile").read_text(encoding="utf-8")
    assert modelfile.parse(text) == OURS
