"""From the name of a module to its place in the network: role, layer, stack.

Names come dotted (``model.layers.3.self_attn.q_proj``) or, from kohya and LyCORIS, with underscores
(``lora_unet_down_blocks_0_attentions_1_transformer_blocks_0_attn1_to_q``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from loradiag.adapters.model import Place

ATTENTION = ("attention.q", "attention.k", "attention.v", "attention.qkv", "attention.o")
MLP = ("mlp.gate", "mlp.up", "mlp.gate_up", "mlp.down")

# Leaf names by role, over the families of models on which adapters are trained. Matched against the whole leaf.
_LEAVES: Mapping[str, str] = {
    "attention.q": r"q|q_proj|query|query_proj|q_lin|to_q|add_q_proj|q_a_proj|q_b_proj|wq|attn_q|linear_q|q_lora|query_layer",
    "attention.k": r"k|k_proj|key|key_proj|k_lin|to_k|add_k_proj|wk|attn_k|linear_k|key_layer",
    "attention.v": r"v|v_proj|value|value_proj|v_lin|to_v|add_v_proj|wv|attn_v|linear_v|value_layer",
    "attention.qkv": r"qkv|qkv_proj|query_key_value|c_attn|wqkv|attn_qkv|in_proj|kv_a_proj_with_mqa|kv_b_proj|kv_proj|to_kv|to_qkv",
    "attention.o": r"o|o_proj|out_proj|out_lin|to_out|to_out_lora|to_add_out|wo|attn_output|proj_attn|attn_out|output_proj",
    "mlp.gate": r"gate_proj|w1|ffn_gate|wi_0",
    "mlp.up": r"up_proj|w3|ffn_up|wi|wi_1|c_fc|fc1|lin1|fc_in|dense_h_to_4h|intermediate|linear1|ff_proj",
    "mlp.gate_up": r"gate_up_proj|ffn_gate_up|linear_in",
    "mlp.down": r"down_proj|w2|ffn_down|fc2|lin2|fc_out|dense_4h_to_h|linear2|linear_out|ff_out",
    "embedding": r"embed_tokens|wte|word_embeddings|token_embd|tok_embeddings|wpe|embed_in|shared|position_embeddings",
    "head": r"lm_head|score|classifier|output|embed_out|qa_outputs|v_head|classification_head",
    "norm": r".*norm.*|ln_\w+|layer_?norm\w*",
    "conv": r"conv\w*|.*_conv|conv_shortcut|downsample|upsample",
}
_ROLES = {role: re.compile(pattern, re.IGNORECASE) for role, pattern in _LEAVES.items()}
_EXPERT = re.compile(r"(^|\.)(experts?|switch_mlp|block_sparse_moe|local_experts)(\.|$)")
_CROSS = re.compile(r"attn2|encoder_attn|encdecattention|crossattention|cross_attn|cross_attention", re.IGNORECASE)
_LAYER = re.compile(r"(?:^|\.)(layers|layer|h|blocks|block|blk|encoder_layers|transformer_blocks|single_transformer_blocks)\.(\d+)(?=\.|$)")
_UNET = re.compile(r"(down_blocks|up_blocks)\.(\d+)|mid_block|(input_blocks|output_blocks)\.(\d+)|middle_block")
_STACKS = (
    ("text_encoder_2", re.compile(r"(^|\.)(text_encoder_2|te2)(\.|$)")),
    ("text_encoder", re.compile(r"(^|\.)(text_encoder|te|te1|text_model)(\.|$)")),
    ("vision", re.compile(r"(^|\.)(vision_tower|vision_model|visual|image_encoder|vision_encoder)(\.|$)")),
    ("decoder", re.compile(r"(^|\.)decoder(\.|$)")),
    ("encoder", re.compile(r"(^|\.)encoder(\.|$)")),
    ("unet", re.compile(r"(^|\.)unet(\.|$)|(^|\.)(down_blocks|mid_block|up_blocks|input_blocks|output_blocks|middle_block)(\.|$)")),
    ("single", re.compile(r"(^|\.)single_transformer_blocks(\.|$)")),
)


def place_of(name: str) -> Place:
    """Return where the module called ``name`` sits. UNet layers are numbered later, by :func:`number_unet_layers`."""
    return Place(role_of(name), _layer_of(name), _stack_of(name))


def role_of(name: str) -> str:
    """Return the role of a module: ``attention.q`` … ``mlp.down``, ``embedding``, ``head``, ``norm``, ``conv``, ``expert``, ``other``."""
    if _EXPERT.search(name):
        return "expert"
    parts = [part for part in name.split(".") if not part.isdigit()]
    leaf = parts[-1] if parts else name
    parent = parts[-2].lower() if len(parts) > 1 else ""
    role = _special(leaf, parent, name) or next((role for role, leaves in _ROLES.items() if leaves.fullmatch(leaf)), "other")
    if role.startswith("attention.") and _CROSS.search(name):
        return role.replace("attention.", "cross_attention.", 1)
    return role


def _special(leaf: str, parent: str, name: str) -> str | None:
    """Leaves that mean different things in different parents."""
    if leaf == "c_proj":
        return "mlp.down" if parent == "mlp" else "attention.o"
    if leaf == "dense":
        if parent in ("output", "self_output") and "attention" in name:
            return "attention.o"
        if parent == "intermediate":
            return "mlp.up"
        if parent == "output":
            return "mlp.down"
        return "attention.o" if parent in ("self_attention", "attention", "self_attn", "attn") else "other"
    if leaf == "proj":
        if parent in ("attn", "attention", "self_attn"):
            return "attention.o"
        if parent in ("net", "ff", "geglu"):
            return "mlp.up"
    if leaf == "net" and ".ff." in f".{name}.":
        return "mlp.down"
    if leaf == "wo" and parent in ("densereludense", "mlp", "ffn"):
        return "mlp.down"
    if leaf in ("proj_in", "proj_out", "time_emb_proj"):
        return "other"
    return None


def _layer_of(name: str) -> int | None:
    if _UNET.search(name):
        return None
    match = _LAYER.search(name)
    return int(match[2]) if match else None


def _stack_of(name: str) -> str:
    return next((stack for stack, pattern in _STACKS if pattern.search(name)), "")


def unet_block(name: str) -> tuple[int, ...] | None:
    """Return a key that orders the blocks of a UNet from its input to its output; None outside one.

    The key is (0 down, 1 middle, 2 up; then the numbers in the path up to the transformer block).
    """
    match = _UNET.search(name)
    if match is None:
        return None
    side = 0 if match[0].startswith(("down", "input")) else 2 if match[0].startswith(("up", "output")) else 1
    inner = re.sub(r"\.(attn\d|ff|proj_in|proj_out|norm\d|conv\w*|time_emb_proj)\b.*", "", name[match.start() :])
    return (side, *(int(number) for number in re.findall(r"\.(\d+)", inner)))


def number_unet_layers(names: Sequence[str]) -> dict[str, int]:
    """Number the blocks of a UNet 0, 1, 2 … in the order in which data flows through them."""
    blocks = {name: block for name in names if (block := unet_block(name)) is not None}
    order = {block: index for index, block in enumerate(sorted(set(blocks.values())))}
    return {name: order[block] for name, block in blocks.items()}


# Words with underscores of their own, which must survive when an underscored path is split at its underscores.
_WORDS = sorted(
    (
        "down_blocks", "up_blocks", "mid_block", "input_blocks", "output_blocks", "middle_block", "transformer_blocks",
        "single_transformer_blocks", "double_blocks", "single_blocks", "to_q", "to_k", "to_v", "to_out", "to_add_out",
        "add_q_proj", "add_k_proj", "add_v_proj", "proj_in", "proj_out", "ff_context", "time_emb_proj", "conv_in",
        "conv_out", "conv_shortcut", "conv1", "conv2", "text_model", "self_attn", "q_proj", "k_proj", "v_proj", "out_proj",
        "time_embedding", "linear_1", "linear_2", "img_attn", "txt_attn", "img_mlp", "txt_mlp", "img_mod", "txt_mod",
        "gate_proj", "up_proj", "down_proj", "o_proj", "cross_attn", "token_embedding", "position_embedding",
    ),
    key=len,
    reverse=True,
)  # fmt: skip
_KOHYA_WORD = re.compile(r"(" + "|".join(_WORDS) + r"|[A-Za-z]+\d*|\d+)(?:_|$)")
_KOHYA_STACKS = (("lora_unet_unet_", "unet"), ("lora_unet_", "unet"), ("lora_te1_", "te1"), ("lora_te2_", "te2"), ("lora_te3_", "te3"), ("lora_te_", "te"), ("lycoris_", "lycoris"), ("lora_transformer_", "transformer"))  # fmt: skip


def dotted(name: str) -> str:
    """Turn a kohya or LyCORIS name into the dotted path that it stands for, as far as the words are known.

    ``lora_te_text_model_encoder_layers_3_self_attn_q_proj`` becomes
    ``te.text_model.encoder.layers.3.self_attn.q_proj``.
    """
    for prefix, stack in _KOHYA_STACKS:
        if name.startswith(prefix):
            words = _KOHYA_WORD.findall(name[len(prefix) :])
            return ".".join([stack, *words]) if words else name
    return name
