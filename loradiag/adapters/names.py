"""From the dotted name of a module to its place in the network: role, layer, stack.

Names that kohya and LyCORIS write with underscores are made dotted by :mod:`loradiag.adapters.underscored` first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from loradiag.adapters.model import Place

# Leaf names by role, over the families of models on which adapters are trained. A leaf must match as a whole.
_LEAVES: Mapping[str, str] = {
    "attention.q": "q q_proj query query_proj q_lin to_q add_q_proj q_a_proj q_b_proj wq attn_q linear_q q_attn query_layer",
    "attention.k": "k k_proj key key_proj k_lin to_k add_k_proj wk attn_k linear_k key_layer",
    "attention.v": "v v_proj value value_proj v_lin to_v add_v_proj wv attn_v linear_v value_layer",
    "attention.qkv": "qkv qkv_proj query_key_value c_attn wqkv attn_qkv in_proj w_pack kv_a_proj_with_mqa kv_b_proj kv_proj "
    "to_kv to_qkv attn_kv_a_mqa attn_kv_b in_proj_qkvz",
    "attention.o": "o o_proj out_proj out_lin to_out to_out_lora to_add_out wo attn_output proj_attn attn_out output_proj",
    "mlp.gate": "gate_proj w1 ffn_gate wi_0",
    "mlp.up": "up_proj w3 ffn_up wi wi_1 c_fc fc1 lin1 fc_in dense_h_to_4h intermediate intermediate_dense linear1 ff_proj "
    "proj_mlp",
    "mlp.gate_up": "gate_up_proj ffn_gate_up linear_in",
    "mlp.down": "down_proj w2 ffn_down fc2 lin2 fc_out dense_4h_to_h output_dense linear2 linear_out ff_out",
    "embedding": "embed_tokens wte wpe word_embeddings token_embd tok_embeddings embed_in shared position_embeddings "
    "token_embedding position_embedding token_type_embeddings",
    "head": "lm_head score classifier pre_classifier output embed_out qa_outputs v_head classification_head",
    "conv": "conv conv1 conv2 conv1d conv_in conv_out conv_shortcut downsample upsample skip_connection op",
}
_ROLES = {leaf: role for role, leaves in _LEAVES.items() for leaf in leaves.split()}

_NORM = re.compile(r".*norm.*|ln_\w+")
_EXPERT = re.compile(r"(^|\.)(experts?|switch_mlp|local_experts|ffn_\w+_exps)(\.|$)")
_CROSS = re.compile(r"attn2|encoder_attn|encdecattention|crossattention|cross_attn|cross_attention")
_HEADS = re.compile(r"(^|\.)(classifier|classification_head|score)\.")
_STATE_SPACE = re.compile(r"(^|\.)(mixer|mamba|ssm)\.\w+$")
_FUSED = re.compile(r"(^|\.)single_blocks\.\d+\.linear[12]$")  # attention and MLP of Flux's single blocks in one weight
_SEQUENTIAL = re.compile(r"(?:^|\.)(?:\w*mlp|ffn|ff\.net|ff_context\.net)\.(?P<index>0|2)(?:\.proj)?$")

_LAYER = re.compile(
    r"(?:^|\.)(?:layers?|h|blocks?|blk|encoder_layers|transformer_blocks|single_transformer_blocks|double_blocks|"
    r"single_blocks|joint_blocks)\.(\d{1,6})(?=\.|$)"
)
_UNET = re.compile(
    r"(?:^|\.)(?:(down_blocks|up_blocks|input_blocks|output_blocks)\.\d+|mid_block|middle_block)(?=\.|$)"
)
# The first that matches counts: a text encoder inside a pipeline has an encoder inside itself.
_STACKS = {
    "text_encoder_3": r"text_encoder_3|te3",
    "text_encoder_2": r"text_encoder_2|te2",
    "text_encoder": r"text_encoder|te|te1|text_model",
    "vision": r"vision_tower|vision_model|vision_encoder|visual|image_encoder|vit",
    "audio": r"audio_tower|audio_encoder",
    "single": r"single_transformer_blocks|single_blocks",
    "double": r"double_blocks",
    "unet": r"unet|down_blocks|mid_block|up_blocks|input_blocks|output_blocks|middle_block",
    "decoder": r"decoder|mask_decoder",
    "encoder": r"encoder",
}
_STACK_PATTERNS = {stack: re.compile(rf"(^|\.)({words})(\.|$)") for stack, words in _STACKS.items()}


_NUMBER = re.compile(r"(?<=\.)\d+(?=\.)")  # not the last: a feed-forward net.2 is no net.0


def place_of(name: str) -> Place:
    """Return where the module called ``name`` sits. UNet layers are numbered later, by :func:`number_unet_layers`."""
    role, stack = _kind_of(_NUMBER.sub("0", name))
    return Place(role, _layer_of(name), stack)


@lru_cache(maxsize=4096)
def _kind_of(template: str) -> tuple[str, str]:
    """Role and stack, which no number in a name decides: so a model of many layers and experts has few answers."""
    return role_of(template), _stack_of(template)


def role_of(name: str) -> str:
    """Return the role of a module: ``attention.q`` … ``mlp.down``, ``embedding``, ``head``, ``norm``, ``conv`` ….

    Attention that reads another sequence than its own has ``cross_attention.`` instead. A single expert of a mixture is
    ``expert``, whatever it does inside the expert. What is none of these is ``other``.
    """
    lowered = name.lower()
    if _EXPERT.search(lowered):
        return "expert"
    parts = [part for part in lowered.split(".") if not part.isdigit()] or [lowered]
    role = _by_context(parts, lowered) or _ROLES.get(parts[-1]) or ("norm" if _NORM.fullmatch(parts[-1]) else "other")
    if role.startswith("attention.") and _CROSS.search(lowered):
        return f"cross_{role}"
    return role


def _by_context(parts: Sequence[str], name: str) -> str | None:
    """The role of a leaf that means different things in different places; None if the leaf says it by itself."""
    leaf, parent, grandparent = parts[-1], "".join(parts[-2:-1]), "".join(parts[-3:-2])
    if _HEADS.search(name) or name == "proj_out":  # RoBERTa's classifier.out_proj, Whisper's proj_out
        return "head"
    if _STATE_SPACE.search(name) or _FUSED.search(name):
        return "conv" if leaf == "conv1d" else "other"
    sequential = _SEQUENTIAL.search(name)
    if sequential:
        return "mlp.up" if sequential["index"] == "0" else "mlp.down"
    if leaf == "dense":
        return _dense(parent, grandparent)
    inside_mlp = parent in ("mlp", "densereludense", "ffn")
    if leaf in ("c_proj", "wo"):
        return "mlp.down" if inside_mlp else "attention.o"
    if leaf in ("w1", "w2") and re.search(r"(^|\.)h\.\d+\.mlp\.", name):  # the first Qwen, whose third one is c_proj
        return "mlp.up" if leaf == "w1" else "mlp.gate"
    if leaf == "proj":
        return "attention.o" if parent in ("attn", "attention", "self_attn", "img_attn", "txt_attn") else None
    return None


def _dense(parent: str, grandparent: str) -> str:
    """``dense`` of BERT and its kin, of GPT-NeoX, BLOOM, Falcon and Phi."""
    if parent == "intermediate":
        return "mlp.up"
    if parent == "output":
        return "attention.o" if grandparent in ("attention", "crossattention") else "mlp.down"
    return "attention.o" if parent in ("self_attention", "attention", "self_attn", "attn") else "other"


def _layer_of(name: str) -> int | None:
    match = None if _UNET.search(name) else _LAYER.search(name)
    return int(match[1]) if match else None


def _stack_of(name: str) -> str:
    return next((stack for stack, pattern in _STACK_PATTERNS.items() if pattern.search(name)), "")


def unet_block(name: str) -> tuple[int, ...] | None:
    """Return a key that orders the blocks of a UNet from its input to its output; None outside one.

    The key is (0 down, 1 middle, 2 up; then the numbers in the path up to the transformer block).
    """
    match = _UNET.search(name)
    if match is None:
        return None
    side = match[0].removeprefix(".")
    order = 0 if side.startswith(("down", "input")) else 2 if side.startswith(("up", "output")) else 1
    inner = re.split(
        r"\.(?:attn\d|ff|proj_in|proj_out|norm\d|conv\w*|time_emb_proj)\b", name[match.start() :], maxsplit=1
    )[0]
    return (order, *(int(number) for number in re.findall(r"\.(\d{1,6})(?=\.|$)", inner)))


def number_unet_layers(names: Sequence[str]) -> dict[str, int]:
    """Number the blocks of a UNet 0, 1, 2 … in the order in which data flows through them."""
    blocks = {name: block for name in names if (block := unet_block(name)) is not None}
    order = {block: index for index, block in enumerate(sorted(set(blocks.values())))}
    return {name: order[block] for name, block in blocks.items()}
