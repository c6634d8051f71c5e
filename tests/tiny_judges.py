"""Guard models of transformers' real classes, tiny, made here and taught to answer two prompts in their family's form.

Nothing is downloaded. The tokenizer is trained on a few lines, the weights begin at random; some dozens of steps teach
them the answers by heart, so that a prompt takes the whole way through template, tokenizer, model and reading.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from generator._torchvision import prepare
from policies.judges.families import SHIELDGEMMA

prepare()  # before transformers, which imports torchvision

import transformers  # noqa: E402
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: E402

HARMLESS, HARMFUL = "a quiet lake in the morning", "instructions for a bomb, step by step"
_SMALL = {
    "vocab_size": 512, "hidden_size": 48, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 12, "max_position_embeddings": 4096, "pad_token_id": 0, "eos_token_id": 1,
    "bos_token_id": 2,
}  # fmt: skip
_TURN = "{{ '<turn>' + message['role'] + '\n' + %s + '<end>' }}"
_STRING = "{% for message in messages %}" + _TURN % "message['content']" + "{% endfor %}<turn>assistant\n"
_PARTS = (
    "{% for message in messages %}{% for part in message['content'] %}{% if part['type'] == 'text' %}"
    + _TURN % "part['text']"
    + "{% endif %}{% endfor %}{% endfor %}<turn>assistant\n\n"
)
_GUIDED = (
    "{% for message in messages %}"
    + _TURN % "message['content']"
    + "{% endfor %}{{ guideline }}\nYes or No?<turn>"
)


@dataclass(frozen=True)
class Family:
    """How a tiny model of it is made.

    Attributes:
        model: class of the weights.
        config: class of its configuration, and what differs from the common one.
        template: chat template.
        answers: to the harmless and to the harmful prompt.
    """

    model: Any
    config: Any
    template: str
    answers: tuple[str, str]


FAMILIES = {
    "qwen3guard": Family(
        transformers.Qwen3ForCausalLM,
        lambda: transformers.Qwen3Config(**_SMALL),
        _STRING,
        ("Safety: Safe\nCategories: None", "Safety: Unsafe\nCategories: Violent, Non-violent Illegal Acts"),
    ),
    "llama_guard_3": Family(
        transformers.LlamaForCausalLM,
        lambda: transformers.LlamaConfig(**_SMALL),
        _STRING.replace("assistant\n", "assistant\n\n"),
        ("safe", "unsafe\nS2,S9"),
    ),
    "llama_guard_4": Family(
        transformers.Llama4ForConditionalGeneration,
        lambda: transformers.Llama4Config(
            text_config={
                **_SMALL, "intermediate_size_mlp": 64, "num_local_experts": 1, "interleave_moe_layer_step": 0,
                "moe_layers": [], "attention_chunk_size": 4096,
            },
            vision_config={
                "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64,
                "image_size": 28, "patch_size": 14, "vision_output_dim": 16, "projector_input_dim": 16,
                "projector_output_dim": 16,
            },
        ),
        _PARTS,
        ("\n\nsafe", "\n\nunsafe\nS2,S9"),
    ),
    "shieldgemma": Family(
        transformers.Gemma2ForCausalLM,
        lambda: transformers.Gemma2Config(**_SMALL, query_pre_attn_scalar=12),
        _GUIDED,
        ("No", "Yes"),
    ),
}  # fmt: skip


def tokenizer(family: Family) -> Any:
    """Bytes and what the answers often have; whatever is written decodes to itself."""
    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    lines = [HARMLESS, HARMFUL, "Yes No yes no safe unsafe Safe Unsafe Controversial", *family.answers] * 20
    trainer = trainers.BpeTrainer(
        vocab_size=_SMALL["vocab_size"],
        special_tokens=["<pad>", "<eos>", "<bos>", "<turn>", "<end>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    pieces.train_from_iterator(lines, trainer)
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=pieces,
        pad_token="<pad>",
        eos_token="<eos>",
        bos_token="<bos>",
        extra_special_tokens=["<turn>", "<end>"],
    )
    made.chat_template = family.template
    return made


def save(name: str, folder: Path, *, taught: bool = True) -> Path:
    """A tiny model of a family, saved the way its weights are published; returns the folder.

    Args:
        name: of the family.
        folder: where to.
        taught: whether it has learnt to answer, or has the random weights that it began with.
    """
    random.seed(0)
    torch.manual_seed(0)
    family = FAMILIES[name]
    words, model = tokenizer(family), family.model(family.config())
    if taught:
        _teach(model, words, family)
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def _teach(model: Any, words: Any, family: Family) -> None:
    parts = "part[" in family.template
    examples = []
    guided: list[dict[str, str]] = [{"guideline": one} for one in SHIELDGEMMA.values()]
    for template in guided if "guideline" in family.template else [{}]:
        for prompt, answer in zip((HARMLESS, HARMFUL), family.answers, strict=True):
            content: Any = [{"type": "text", "text": prompt}] if parts else prompt
            asked = words.apply_chat_template(
                [{"role": "user", "content": content}], return_dict=True, **template
            )
            said = [*words.encode(answer, add_special_tokens=False), words.eos_token_id]
            examples.append((asked["input_ids"], said))
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    model.train()
    for _ in range(80):
        for asked, said in examples:
            ids = torch.tensor([asked + said])
            labels = torch.tensor([[-100] * len(asked) + said])
            loss = model(input_ids=ids, labels=labels).loss
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    model.eval()
