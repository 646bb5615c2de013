"""A tiny Gemma 3 (text and SigLIP projector) whose replies are known in advance.

The files have the real architecture (sliding-window and global layers, q/k norms, grouped
queries, an SPM vocabulary, Gemma's chat template, a vision tower with average pooling), so an
engine runs all of its real code on them. The weights make the model a small machine:

- every piece of a reply owns one dimension of the hidden state, and the output head maps it to
  the next piece (the last one to `<end_of_turn>`, or back to the second: endless);
- the last layer attends evenly over the whole context and copies "feature" dimensions, set by
  trigger words in the text and by the colours of pictures; they choose the reply.

All other layers hold random weights behind a post-norm of zero: computed, but adding nothing. A
trigger counts wherever it stands in the context, so memory and trimming can be observed; none of
them may occur in the SYSTEM text. When several stand there the one with the higher gain wins.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

WIDTH, FEED, HEADS, HEAD, LAYERS = 256, 256, 2, 64, 6  # layer 6 of 6 is the global one
EYE, EYE_FEED, EYE_LAYERS, SIDE, PATCH, MERGE = 32, 64, 2, 64, 8, 2
PICTURE_TOKENS = (SIDE // PATCH // MERGE) ** 2
SEED = 7

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Reply:
    """What the model says once `trigger` stands in the context. No piece may be used twice."""

    trigger: str
    gain: float
    pieces: tuple[str, ...]
    endless: bool = False

    @property
    def text(self) -> str:
        return "".join(self.pieces)


def _words(text: str) -> tuple[str, ...]:
    """`text` cut before each space."""
    return tuple(text.replace(" ", "\0 ").split("\0"))


PLAIN = Reply("", 0, _words("Hello from the tiny test model."))
FEVER = Reply("fever", 1, _words("Rest, drink water and measure your temperature!"))
PEPPER = Reply("pepper", 4, _words("You told me about spice before."))
MARKDOWN = Reply(
    "markdown",
    8,
    (
        "## Plan",
        "\n\n- **Sleep**",
        "\n- `sip`",
        " tea",
        "\n\n| sign | do |",
        "\n|---|---|",
        "\n| pain | wait |",
        "\n\n```text",
        "\n37.5 °C",
        "\n```\n",
    ),
)
PONDER = Reply(
    "ponder",
    16,
    ("<unused94>", "thought\n", "Checking", " symptoms", " first", "<unused95>", "Likely", " flu"),
)
FOREVER = Reply("forever", 64, ("tick", " tock", " tick"), endless=True)
WRITTEN = (FEVER, PEPPER, MARKDOWN, PONDER, FOREVER)

PICTURE = Reply("image", 0.1, _words("Some picture without strong colour"))
RED = Reply("red", 0.1, _words("This looks red"))
GREEN = Reply("green", 0.1, _words("An image in green"))
BLUE = Reply("blue", 0.1, _words("Picture of blue"))
COLOURS = (RED, GREEN, BLUE)
SEEN = (PICTURE, *COLOURS)
REPLIES = (PLAIN, *WRITTEN, *SEEN)

TRIGGERS = tuple(reply.trigger for reply in WRITTEN)

# Gemma 3's own template, without its line breaks.
CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{%- if messages[0]['role'] == 'system' -%}"
    "{%- set prefix = messages[0]['content'] + '\n\n' -%}{%- set rest = messages[1:] -%}"
    "{%- else -%}{%- set prefix = '' -%}{%- set rest = messages -%}{%- endif -%}"
    "{%- for m in rest -%}"
    "{%- if (m['role'] == 'user') != (loop.index0 % 2 == 0) -%}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/...') }}"
    "{%- endif -%}"
    "{{ '<start_of_turn>' + ('model' if m['role'] == 'assistant' else m['role']) + '\n'"
    " + (prefix if loop.first else '') }}"
    "{%- if m['content'] is string -%}{{ m['content'] | trim }}"
    "{%- else -%}{%- for c in m['content'] -%}"
    "{%- if c['type'] == 'image' -%}{{ '<start_of_image>' }}"
    "{%- else -%}{{ c['text'] | trim }}{%- endif -%}{%- endfor -%}{%- endif -%}"
    "{{ '<end_of_turn>\n' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<start_of_turn>model\n' }}{%- endif -%}"
)

CONTROL, UNKNOWN, RAW, BYTE, NORMAL = (
    gguf.TokenType.CONTROL,
    gguf.TokenType.UNKNOWN,
    gguf.TokenType.USER_DEFINED,
    gguf.TokenType.BYTE,
    gguf.TokenType.NORMAL,
)


def write(folder: Path, words: Iterable[str] = ()) -> tuple[Path, Path]:
    """Write model and projector into `folder` and return their paths.

    `words` enter the vocabulary whole, so that a long SYSTEM text costs few tokens.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model, eyes = folder / "tiny-gemma3.gguf", folder / "mmproj-tiny-gemma3.gguf"
    _write_model(model, _vocabulary(words))
    _write_eyes(eyes)
    return model, eyes


def _token(piece: str) -> tuple[str, gguf.TokenType]:
    """SPM writes a space as U+2581; pieces with line breaks or marks are taken as they are."""
    if "\n" in piece or piece.startswith("<unused") or " " in piece[1:]:
        return piece, RAW
    return piece.replace(" ", "\u2581"), NORMAL


def _vocabulary(words: Iterable[str]) -> dict[str, tuple[float, gguf.TokenType]]:
    """Token -> (score, type) in Gemma's order. SPM merges only into known pieces, so words bring
    their beginnings along.
    """
    known: dict[str, tuple[float, gguf.TokenType]] = {}
    known |= dict.fromkeys(("<pad>", "<eos>", "<bos>"), (0.0, CONTROL)) | {"<unk>": (0.0, UNKNOWN)}
    turns = ("<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>")
    known |= dict.fromkeys(turns, (0.0, CONTROL))
    known |= dict.fromkeys(("<unused94>", "<unused95>", "\n"), (0.0, RAW))
    known |= {f"<0x{byte:02X}>": (0.0, BYTE) for byte in range(256)}
    known |= {chr(code): (-1000.0, NORMAL) for code in range(33, 127)}
    known["\u2581"] = (-1000.0, NORMAL)
    for word in [*TRIGGERS, *(f"\u2581{word}" for word in [*TRIGGERS, *words] if word.isalpha())]:
        for end in range(2, len(word) + 1):
            known.setdefault(word[:end], (-float(100 - end), NORMAL))
    for reply in REPLIES:
        for piece in reply.pieces:
            text, kind = _token(piece)
            known.setdefault(text, (-900.0, kind))
    return known


def _features() -> dict[str, int]:
    """Trigger -> dimension; dimension 0 is always on and means that no reply runs yet."""
    return {reply.trigger: n + 1 for n, reply in enumerate((*WRITTEN, *SEEN))}


def _machine(ids: dict[str, int]) -> tuple[Floats, Floats]:
    """The embedding and the output head."""
    features = _features()
    pieces = [_token(piece)[0] for reply in REPLIES for piece in reply.pieces]
    if len(pieces) != len(set(pieces)) or len(features) + 1 + len(pieces) > WIDTH:
        raise ValueError("a piece is used twice, or there are too many")
    home = {piece: len(features) + 1 + n for n, piece in enumerate(pieces)}

    enter, leave = np.zeros((len(ids), WIDTH)), np.zeros((len(ids), WIDTH))
    enter[:, 0] = 1
    for word in TRIGGERS:
        enter[[ids[word], ids[f"\u2581{word}"]], features[word]] = 0.5
    for piece in pieces:
        enter[ids[piece]] = np.eye(WIDTH)[home[piece]]

    first = {reply.trigger: ids[_token(reply.pieces[0])[0]] for reply in REPLIES}
    leave[first[PLAIN.trigger], 0] = 1
    for trigger, dimension in features.items():
        leave[first[trigger], 0] = 0.8
        leave[first[trigger], dimension] = 0.75 if trigger == PICTURE.trigger else 0.7
    for colour in COLOURS:  # a colour that stands out wins over the plain picture
        leave[first[colour.trigger], features[PICTURE.trigger]] = 0.7
        for other in COLOURS:
            strength = 0.6 if other is colour else -0.3
            leave[first[colour.trigger], features[other.trigger]] = strength
    for reply in REPLIES:
        chain = [_token(piece)[0] for piece in reply.pieces]
        after = [*chain[1:], chain[1] if reply.endless else "<end_of_turn>"]
        for piece, following in zip(chain, after, strict=True):
            leave[ids[following], home[piece]] = 1
    return enter, leave * 8  # sure of itself at any sensible temperature


def _write_model(path: Path, vocabulary: dict[str, tuple[float, gguf.TokenType]]) -> None:
    ids = {text: n for n, text in enumerate(vocabulary)}
    out = gguf.GGUFWriter(path, "gemma3")
    out.add_name("tiny-gemma3")
    out.add_context_length(8192)
    out.add_embedding_length(WIDTH)
    out.add_block_count(LAYERS)
    out.add_feed_forward_length(FEED)
    out.add_head_count(HEADS)
    out.add_head_count_kv(1)
    out.add_key_length(HEAD)
    out.add_value_length(HEAD)
    out.add_layer_norm_rms_eps(1e-12)  # a trigger is heard over thousands of tokens
    out.add_rope_freq_base(1e6)
    out.add_sliding_window(512)
    out.add_tokenizer_model("llama")
    out.add_tokenizer_pre("default")
    out.add_token_list(list(vocabulary))
    out.add_token_scores([score for score, _ in vocabulary.values()])
    out.add_token_types([kind for _, kind in vocabulary.values()])
    out.add_bos_token_id(ids["<bos>"])
    out.add_eos_token_id(ids["<eos>"])
    out.add_eot_token_id(ids["<end_of_turn>"])
    out.add_unk_token_id(ids["<unk>"])
    out.add_pad_token_id(ids["<pad>"])
    out.add_add_bos_token(True)
    out.add_add_eos_token(False)
    out.add_add_space_prefix(False)
    out.add_chat_template(CHAT_TEMPLATE)

    enter, leave = _machine(ids)
    _tensor(out, "token_embd", enter, np.float16)
    _tensor(out, "output", leave, np.float16)
    _tensor(out, "output_norm", np.ones(WIDTH), np.float32)
    noise = np.random.default_rng(SEED)
    for layer in range(LAYERS):
        _write_layer(out, f"blk.{layer}.", noise, listens=layer == LAYERS - 1)
    _finish(out)


def _write_layer(
    out: gguf.GGUFWriter, name: str, noise: np.random.Generator, *, listens: bool
) -> None:
    value, result = noise.normal(0, 0.02, (HEAD, WIDTH)), noise.normal(0, 0.02, (WIDTH, 2 * HEAD))
    if listens:
        value[:], result[:] = 0, 0
        for reply in (*WRITTEN, *SEEN):
            dimension = _features()[reply.trigger]
            value[dimension, dimension], result[dimension, dimension] = reply.gain, 1
    shapes = {
        "attn_q": (HEADS * HEAD, WIDTH),
        "attn_k": (HEAD, WIDTH),
        "ffn_gate": (FEED, WIDTH),
        "ffn_up": (FEED, WIDTH),
        "ffn_down": (WIDTH, FEED),
    }
    for part, shape in shapes.items():
        _tensor(out, name + part, noise.normal(0, 0.02, shape), np.float16)
    _tensor(out, name + "attn_v", value, np.float16)
    _tensor(out, name + "attn_output", result, np.float16)
    _tensor(out, name + "attn_q_norm", np.full(HEAD, float(not listens)), np.float32)
    _tensor(out, name + "attn_k_norm", np.ones(HEAD), np.float32)
    _tensor(out, name + "attn_norm", np.ones(WIDTH), np.float32)
    _tensor(out, name + "ffn_norm", np.ones(WIDTH), np.float32)
    _tensor(out, name + "post_attention_norm", np.full(WIDTH, float(listens)), np.float32)
    _tensor(out, name + "post_ffw_norm", np.zeros(WIDTH), np.float32)


def _write_eyes(path: Path) -> None:
    out = gguf.GGUFWriter(path, "clip")
    out.add_type(gguf.GGUFType.MMPROJ)
    out.add_clip_has_vision_encoder(True)
    out.add_clip_projector_type("gemma3")
    out.add_vision_projection_dim(WIDTH)
    out.add_vision_image_size(SIDE)
    out.add_vision_patch_size(PATCH)
    out.add_vision_embedding_length(EYE)
    out.add_vision_feed_forward_length(EYE_FEED)
    out.add_vision_block_count(EYE_LAYERS)
    out.add_vision_head_count(2)
    out.add_vision_attention_layernorm_eps(1e-6)
    out.add_vision_use_gelu(True)
    out.add_vision_image_mean([0.5] * 3)
    out.add_vision_image_std([0.5] * 3)
    out.add_vision_projector_scale_factor(MERGE)

    features = _features()
    patch, bias = np.zeros((EYE, 3, PATCH, PATCH)), np.zeros(EYE)
    project = np.zeros((EYE, WIDTH))
    bias[0] = project[0, features[PICTURE.trigger]] = 1
    for channel, colour in enumerate(COLOURS):  # the mean of each channel, -1..1
        patch[channel + 1, channel] = 1 / PATCH**2
        project[channel + 1, features[colour.trigger]] = 1
    _tensor(out, "v.patch_embd", patch, np.float32)
    out.add_tensor("v.patch_embd.bias", bias.astype(np.float32))
    _tensor(out, "v.position_embd", np.zeros(((SIDE // PATCH) ** 2, EYE)), np.float32)
    noise = np.random.default_rng(SEED)
    for layer in range(EYE_LAYERS):
        _write_eye_layer(out, f"v.blk.{layer}.", noise)
    _tensor(out, "v.post_ln", np.ones(EYE), np.float32)
    out.add_tensor("v.post_ln.bias", np.zeros(EYE, np.float32))
    _tensor(out, "mm.soft_emb_norm", np.ones(EYE), np.float32)
    _tensor(out, "mm.input_projection", project, np.float16)
    _finish(out)


def _write_eye_layer(out: gguf.GGUFWriter, name: str, noise: np.random.Generator) -> None:
    square = (EYE, EYE)
    shapes = {"attn_q": square, "attn_k": square, "attn_v": square, "attn_out": square}
    shapes |= {"ffn_up": (EYE_FEED, EYE), "ffn_down": (EYE, EYE_FEED)}
    for part, shape in shapes.items():
        silent = part in ("attn_out", "ffn_down")
        weights = np.zeros(shape) if silent else noise.normal(0, 0.02, shape)
        _tensor(out, name + part, weights, np.float32)
        out.add_tensor(f"{name}{part}.bias", np.zeros(shape[0], np.float32))
    for part in ("ln1", "ln2"):
        _tensor(out, name + part, np.ones(EYE), np.float32)
        out.add_tensor(f"{name}{part}.bias", np.zeros(EYE, np.float32))


def _tensor(out: gguf.GGUFWriter, name: str, values: Floats, kind: type[np.floating]) -> None:
    out.add_tensor(f"{name}.weight", np.ascontiguousarray(values, kind))


def _finish(out: gguf.GGUFWriter) -> None:
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
