"""Names whose dots were replaced by underscores, as kohya and LyCORIS do, made dotted again."""

from __future__ import annotations

import re

# Words with underscores of their own, which must survive when a path is split at its underscores.
_WORDS = (
    "down_blocks up_blocks mid_block input_blocks output_blocks middle_block transformer_blocks single_transformer_blocks "
    "double_blocks single_blocks joint_blocks context_block x_block to_q to_k to_v to_out to_add_out add_q_proj add_k_proj "
    "add_v_proj proj_in proj_out proj_mlp ff_context time_emb_proj conv_in conv_out conv_shortcut text_model self_attn "
    "cross_attn q_proj k_proj v_proj o_proj out_proj gate_proj up_proj down_proj wi_0 wi_1 time_embedding time_embed "
    "add_embedding label_emb emb_layers in_layers out_layers skip_connection linear_1 linear_2 img_attn txt_attn img_mlp "
    "txt_mlp img_mod txt_mod img_in txt_in time_in vector_in guidance_in in_layer out_layer final_layer token_embedding "
    "position_embedding text_projection"
)
_WORD = re.compile("(" + "|".join(sorted(_WORDS.split(), key=len, reverse=True)) + r"|[^_]+)(?:_|\Z)")

_STACKS = {
    "lora_unet_unet_": "unet",
    "lora_unet_": "unet",
    "lora_te1_": "te1",
    "lora_te2_": "te2",
    "lora_te3_": "te3",
    "lora_te_": "te",
    "lora_transformer_": "transformer",
    "lycoris_": "lycoris",
}


def dotted(name: str) -> str:
    """Turn a kohya or LyCORIS name into the dotted path that it stands for, as far as the words are known.

    ``lora_te_text_model_encoder_layers_3_self_attn_q_proj`` becomes
    ``te.text_model.encoder.layers.3.self_attn.q_proj``.
    """
    for prefix, stack in _STACKS.items():
        if name.startswith(prefix):
            words = _WORD.findall(name.removeprefix(prefix))
            return ".".join([stack, *words]) if words else name
    return name
