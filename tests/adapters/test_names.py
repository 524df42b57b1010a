"""Roles, layers and stacks of modules of real models, by the names that their checkpoints give them."""

# ruff: noqa: E501 - tables are read by their columns
from __future__ import annotations

import pytest

from loradiag.adapters.names import number_unet_layers, place_of, role_of
from loradiag.adapters.underscored import dotted

# Family, name, role, layer, stack.
PLACES = """
Llama        model.layers.3.self_attn.q_proj                                         attention.q         3  -
Llama        model.layers.3.self_attn.k_proj                                         attention.k         3  -
Llama        model.layers.3.self_attn.v_proj                                         attention.v         3  -
Llama        model.layers.31.self_attn.o_proj                                        attention.o         31 -
Llama        model.layers.3.mlp.gate_proj                                            mlp.gate            3  -
Llama        model.layers.3.mlp.up_proj                                              mlp.up              3  -
Llama        model.layers.3.mlp.down_proj                                            mlp.down            3  -
Llama        model.embed_tokens                                                      embedding           -  -
Llama        lm_head                                                                 head                -  -
Llama        model.layers.3.input_layernorm                                          norm                3  -
Llama        model.norm                                                              norm                -  -
Llama(Meta)  layers.5.attention.wq                                                   attention.q         5  -
Llama(Meta)  layers.5.attention.wo                                                   attention.o         5  -
Llama(Meta)  layers.5.feed_forward.w1                                                mlp.gate            5  -
Llama(Meta)  layers.5.feed_forward.w2                                                mlp.down            5  -
Llama(Meta)  layers.5.feed_forward.w3                                                mlp.up              5  -
torchtune    layers.5.attn.output_proj                                               attention.o         5  -
Qwen1        transformer.h.2.attn.c_attn                                             attention.qkv       2  -
Qwen1        transformer.h.2.attn.c_proj                                             attention.o         2  -
Qwen1        transformer.h.2.mlp.w1                                                  mlp.up              2  -
Qwen1        transformer.h.2.mlp.w2                                                  mlp.gate            2  -
Qwen1        transformer.h.2.mlp.c_proj                                              mlp.down            2  -
Qwen-MoE     model.layers.1.mlp.experts.17.gate_proj                                 expert              1  -
Qwen-MoE     model.layers.1.mlp.shared_expert.gate_proj                              mlp.gate            1  -
Qwen-MoE     model.layers.1.mlp.shared_expert_gate                                   other               1  -
Qwen-MoE     model.layers.1.mlp.gate                                                 other               1  -
Qwen-MoE     model.layers.1.mlp.experts.down_proj.5                                  expert              1  -
Qwen3-Next   model.layers.1.linear_attn.in_proj_qkvz                                 attention.qkv       1  -
Qwen3-Next   model.layers.1.linear_attn.out_proj                                     attention.o         1  -
Qwen2-VL     model.visual.blocks.4.attn.qkv                                          attention.qkv       4  vision
Qwen2-VL     model.visual.blocks.4.attn.proj                                         attention.o         4  vision
Qwen2-VL     model.language_model.layers.4.self_attn.q_proj                          attention.q         4  -
Mixtral      model.layers.1.block_sparse_moe.experts.3.w1                            expert              1  -
Mixtral      model.layers.1.block_sparse_moe.gate                                    other               1  -
MLX-MoE      model.layers.1.mlp.switch_mlp.up_proj.experts.3                         expert              1  -
DeepSeek     model.layers.1.self_attn.q_a_proj                                       attention.q         1  -
DeepSeek     model.layers.1.self_attn.q_b_proj                                       attention.q         1  -
DeepSeek     model.layers.1.self_attn.kv_a_proj_with_mqa                             attention.qkv       1  -
DeepSeek     model.layers.1.self_attn.kv_b_proj                                      attention.qkv       1  -
DeepSeek     model.layers.1.mlp.shared_experts.down_proj                             mlp.down            1  -
Gemma3       language_model.model.layers.7.mlp.down_proj                             mlp.down            7  -
Gemma3       vision_tower.vision_model.encoder.layers.7.self_attn.q_proj             attention.q         7  vision
Gemma3       multi_modal_projector.linear                                            other               -  -
Phi-3        model.layers.9.self_attn.qkv_proj                                       attention.qkv       9  -
Phi-3        model.layers.9.mlp.gate_up_proj                                         mlp.gate_up         9  -
Phi-2        model.layers.9.self_attn.dense                                          attention.o         9  -
Phi-2        model.layers.9.mlp.fc1                                                  mlp.up              9  -
Phi-2        model.layers.9.mlp.fc2                                                  mlp.down            9  -
GPT-2        transformer.h.11.attn.c_attn                                            attention.qkv       11 -
GPT-2        transformer.h.11.attn.c_proj                                            attention.o         11 -
GPT-2        transformer.h.11.mlp.c_fc                                               mlp.up              11 -
GPT-2        transformer.h.11.mlp.c_proj                                             mlp.down            11 -
GPT-2        transformer.h.11.crossattention.q_attn                                  cross_attention.q   11 -
GPT-2        transformer.wte                                                         embedding           -  -
GPT-2        transformer.h.11.ln_1                                                   norm                11 -
GPT-J        transformer.h.4.attn.out_proj                                           attention.o         4  -
GPT-J        transformer.h.4.mlp.fc_in                                               mlp.up              4  -
GPT-J        transformer.h.4.mlp.fc_out                                              mlp.down            4  -
GPT-NeoX     gpt_neox.layers.4.attention.query_key_value                             attention.qkv       4  -
GPT-NeoX     gpt_neox.layers.4.attention.dense                                       attention.o         4  -
GPT-NeoX     gpt_neox.layers.4.mlp.dense_h_to_4h                                     mlp.up              4  -
GPT-NeoX     gpt_neox.layers.4.mlp.dense_4h_to_h                                     mlp.down            4  -
GPT-NeoX     gpt_neox.embed_in                                                       embedding           -  -
GPT-NeoX     embed_out                                                               head                -  -
BLOOM        transformer.h.0.self_attention.query_key_value                          attention.qkv       0  -
BLOOM        transformer.h.0.self_attention.dense                                    attention.o         0  -
BLOOM        transformer.word_embeddings                                             embedding           -  -
Falcon       transformer.h.0.mlp.dense_4h_to_h                                       mlp.down            0  -
MPT          transformer.blocks.6.attn.Wqkv                                          attention.qkv       6  -
MPT          transformer.blocks.6.attn.out_proj                                      attention.o         6  -
MPT          transformer.blocks.6.ffn.up_proj                                        mlp.up              6  -
Baichuan     model.layers.2.self_attn.W_pack                                         attention.qkv       2  -
InternLM2    model.layers.2.attention.wqkv                                           attention.qkv       2  -
ChatGLM      transformer.encoder.layers.2.self_attention.dense                       attention.o         2  encoder
OPT          model.decoder.layers.5.self_attn.out_proj                               attention.o         5  decoder
OPT          model.decoder.layers.5.fc1                                              mlp.up              5  decoder
OPT          model.decoder.embed_tokens                                              embedding           -  decoder
T5           encoder.block.2.layer.0.SelfAttention.q                                 attention.q         2  encoder
T5           decoder.block.2.layer.1.EncDecAttention.k                               cross_attention.k   2  decoder
T5           decoder.block.2.layer.1.EncDecAttention.o                               cross_attention.o   2  decoder
T5           decoder.block.2.layer.2.DenseReluDense.wi                               mlp.up              2  decoder
T5           decoder.block.2.layer.2.DenseReluDense.wo                               mlp.down            2  decoder
mT5          encoder.block.2.layer.1.DenseReluDense.wi_0                             mlp.gate            2  encoder
mT5          encoder.block.2.layer.1.DenseReluDense.wi_1                             mlp.up              2  encoder
T5           shared                                                                  embedding           -  -
BART         model.decoder.layers.1.encoder_attn.v_proj                              cross_attention.v   1  decoder
BERT         bert.encoder.layer.8.attention.self.query                               attention.q         8  encoder
BERT         bert.encoder.layer.8.attention.output.dense                             attention.o         8  encoder
BERT         bert.encoder.layer.8.intermediate.dense                                 mlp.up              8  encoder
BERT         bert.encoder.layer.8.output.dense                                       mlp.down            8  encoder
BERT         bert.pooler.dense                                                       other               -  -
BERT         bert.embeddings.word_embeddings                                         embedding           -  -
RoBERTa      roberta.encoder.layer.8.attention.self.value                            attention.v         8  encoder
RoBERTa      classifier.dense                                                        head                -  -
RoBERTa      classifier.out_proj                                                     head                -  -
DistilBERT   distilbert.transformer.layer.5.attention.q_lin                          attention.q         5  -
DistilBERT   distilbert.transformer.layer.5.attention.out_lin                        attention.o         5  -
DistilBERT   distilbert.transformer.layer.5.ffn.lin1                                 mlp.up              5  -
DistilBERT   distilbert.transformer.layer.5.ffn.lin2                                 mlp.down            5  -
DistilBERT   pre_classifier                                                          head                -  -
DeBERTa      deberta.encoder.layer.5.attention.self.query_proj                       attention.q         5  encoder
DeBERTa      deberta.encoder.layer.5.attention.self.in_proj                          attention.qkv       5  encoder
DeBERTa      deberta.encoder.layer.5.attention.output.dense                          attention.o         5  encoder
wav2vec2     wav2vec2.encoder.layers.5.feed_forward.intermediate_dense               mlp.up              5  encoder
wav2vec2     wav2vec2.encoder.layers.5.feed_forward.output_dense                     mlp.down            5  encoder
ViT          vit.encoder.layer.5.attention.attention.query                           attention.q         5  vision
ViT          vit.encoder.layer.5.attention.output.dense                              attention.o         5  vision
CLIP         vision_model.encoder.layers.5.mlp.fc1                                   mlp.up              5  vision
CLIP         text_model.encoder.layers.5.self_attn.k_proj                            attention.k         5  text_encoder
SAM          vision_encoder.layers.5.attn.qkv                                        attention.qkv       5  vision
SAM          vision_encoder.layers.5.attn.proj                                       attention.o         5  vision
SAM          vision_encoder.layers.5.mlp.lin2                                        mlp.down            5  vision
SAM          mask_decoder.transformer.layers.1.cross_attn_token_to_image.q_proj      cross_attention.q   1  decoder
Whisper      model.encoder.layers.5.self_attn.q_proj                                 attention.q         5  encoder
Whisper      model.decoder.layers.5.encoder_attn.q_proj                              cross_attention.q   5  decoder
Whisper      model.decoder.layers.5.fc2                                              mlp.down            5  decoder
Whisper      proj_out                                                                head                -  -
Mamba        backbone.layers.5.mixer.in_proj                                         other               5  -
Mamba        backbone.layers.5.mixer.out_proj                                        other               5  -
Mamba        backbone.layers.5.mixer.x_proj                                          other               5  -
Mamba        backbone.layers.5.mixer.conv1d                                          conv                5  -
Jamba        model.layers.5.mamba.in_proj                                            other               5  -
Flux         transformer.transformer_blocks.4.attn.to_q                              attention.q         4  -
Flux         transformer.transformer_blocks.4.attn.add_k_proj                        attention.k         4  -
Flux         transformer.transformer_blocks.4.attn.to_out.0                          attention.o         4  -
Flux         transformer.transformer_blocks.4.attn.to_add_out                        attention.o         4  -
Flux         transformer.transformer_blocks.4.ff.net.0.proj                          mlp.up              4  -
Flux         transformer.transformer_blocks.4.ff.net.2                               mlp.down            4  -
Flux         transformer.transformer_blocks.4.ff_context.net.2                       mlp.down            4  -
Flux         transformer.single_transformer_blocks.4.proj_mlp                        mlp.up              4  single
Flux         transformer.single_transformer_blocks.4.proj_out                        other               4  single
Flux         diffusion_model.double_blocks.4.img_attn.qkv                            attention.qkv       4  double
Flux         diffusion_model.double_blocks.4.txt_attn.proj                           attention.o         4  double
Flux         diffusion_model.double_blocks.4.img_mlp.0                               mlp.up              4  double
Flux         diffusion_model.double_blocks.4.txt_mlp.2                               mlp.down            4  double
Flux         diffusion_model.double_blocks.4.img_mod.lin                             other               4  double
Flux         diffusion_model.single_blocks.4.linear1                                 other               4  single
Wan          diffusion_model.blocks.4.self_attn.q                                    attention.q         4  -
Wan          diffusion_model.blocks.4.cross_attn.o                                   cross_attention.o   4  -
Wan          diffusion_model.blocks.4.ffn.0                                          mlp.up              4  -
Wan          diffusion_model.blocks.4.ffn.2                                          mlp.down            4  -
SD3          transformer.transformer_blocks.4.attn.add_q_proj                        attention.q         4  -
SD1.5        unet.down_blocks.0.attentions.1.transformer_blocks.0.attn1.to_q         attention.q         -  unet
SD1.5        unet.down_blocks.0.attentions.1.transformer_blocks.0.attn2.to_k         cross_attention.k   -  unet
SD1.5        unet.down_blocks.0.attentions.1.transformer_blocks.0.attn1.to_out.0     attention.o         -  unet
SD1.5        unet.down_blocks.0.attentions.1.transformer_blocks.0.ff.net.0.proj      mlp.up              -  unet
SD1.5        unet.down_blocks.0.attentions.1.transformer_blocks.0.ff.net.2           mlp.down            -  unet
SD1.5        unet.down_blocks.0.attentions.1.proj_in                                 other               -  unet
SD1.5        unet.down_blocks.0.resnets.1.conv1                                      conv                -  unet
SD1.5        unet.down_blocks.0.resnets.1.time_emb_proj                              other               -  unet
SD1.5        text_encoder.text_model.encoder.layers.3.mlp.fc2                        mlp.down            3  text_encoder
SDXL         text_encoder_2.text_model.encoder.layers.3.self_attn.out_proj           attention.o         3  text_encoder_2
GGUF         blk.3.attn_output                                                       attention.o         3  -
GGUF         blk.3.ffn_gate                                                          mlp.gate            3  -
GGUF         blk.3.ffn_gate_exps.experts.1                                           expert              3  -
GGUF         token_embd                                                              embedding           -  -
GGUF         output                                                                  head                -  -
unknown      something.entirely.else                                                 other               -  -
unknown      x                                                                       other               -  -
unknown      model.layers.99999999999.self_attn.q_proj                               attention.q         -  -
"""
ROWS = [tuple(line.split()) for line in PLACES.strip().splitlines()]


@pytest.mark.parametrize(("family", "name", "role", "layer", "stack"), ROWS, ids=[f"{row[0]} {row[1]}" for row in ROWS])
def test_places(family: str, name: str, role: str, layer: str, stack: str) -> None:
    """Each module of each family has its role, its layer and its stack."""
    place = place_of(name)
    assert place.role == role
    assert place.layer == (None if layer == "-" else int(layer))
    assert place.stack == stack.replace("-", "")


# kohya's own names, from its network modules and from public files.
UNDERSCORED = """
lora_unet_down_blocks_0_attentions_1_transformer_blocks_0_attn1_to_out_0        unet.down_blocks.0.attentions.1.transformer_blocks.0.attn1.to_out.0        attention.o
lora_unet_down_blocks_0_attentions_1_transformer_blocks_0_ff_net_0_proj         unet.down_blocks.0.attentions.1.transformer_blocks.0.ff.net.0.proj         mlp.up
lora_unet_mid_block_attentions_0_proj_in                                        unet.mid_block.attentions.0.proj_in                                        other
lora_unet_up_blocks_1_resnets_0_conv_shortcut                                   unet.up_blocks.1.resnets.0.conv_shortcut                                   conv
lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_v                      unet.input_blocks.4.1.transformer_blocks.0.attn2.to_v                      cross_attention.v
lora_unet_input_blocks_4_0_emb_layers_1                                         unet.input_blocks.4.0.emb_layers.1                                         other
lora_te_text_model_encoder_layers_3_self_attn_q_proj                            te.text_model.encoder.layers.3.self_attn.q_proj                            attention.q
lora_te1_text_model_encoder_layers_3_mlp_fc1                                    te1.text_model.encoder.layers.3.mlp.fc1                                    mlp.up
lora_te3_encoder_block_2_layer_0_SelfAttention_q                                te3.encoder.block.2.layer.0.SelfAttention.q                                attention.q
lora_te3_encoder_block_2_layer_1_DenseReluDense_wi_0                            te3.encoder.block.2.layer.1.DenseReluDense.wi_0                            mlp.gate
lora_unet_double_blocks_4_img_attn_qkv                                          unet.double_blocks.4.img_attn.qkv                                          attention.qkv
lora_unet_double_blocks_4_txt_mlp_2                                             unet.double_blocks.4.txt_mlp.2                                             mlp.down
lora_unet_single_blocks_4_linear1                                               unet.single_blocks.4.linear1                                               other
lora_unet_joint_blocks_4_context_block_attn_qkv                                 unet.joint_blocks.4.context_block.attn.qkv                                 attention.qkv
lycoris_transformer_blocks_4_attn_to_add_out                                    lycoris.transformer_blocks.4.attn.to_add_out                               attention.o
lora_unet_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q           unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q                attention.q
something_else                                                                  something_else                                                             other
lora_unet_                                                                      lora_unet_                                                                 other
"""


@pytest.mark.parametrize(("name", "path", "role"), [line.split() for line in UNDERSCORED.strip().splitlines()])
def test_underscored(name: str, path: str, role: str) -> None:
    """Underscores become dots again, except inside words that have their own."""
    assert dotted(name) == path
    assert role_of(path) == role


def test_unet_layers_follow_the_data() -> None:
    """Blocks are numbered from the input over the middle to the output, in diffusers' names and in kohya's for SDXL."""
    ending = "transformer_blocks.0.attn1.to_q"
    names = [
        f"unet.{block}.{ending}"
        for block in (
            "up_blocks.1.attentions.0",
            "mid_block.attentions.0",
            "down_blocks.0.attentions.1",
            "down_blocks.0.attentions.0",
        )
    ]
    assert [number_unet_layers(names)[name] for name in names] == [3, 2, 1, 0]
    names = [
        f"unet.{block}.{ending}"
        for block in ("output_blocks.0.1", "middle_block.1", "input_blocks.10.1", "input_blocks.9.1")
    ]
    assert [number_unet_layers(names)[name] for name in names] == [3, 2, 1, 0]
    names = [
        f"unet.mid_block.attentions.0.transformer_blocks.0.{leaf}" for leaf in ("attn1.to_q", "attn2.to_k", "ff.net.2")
    ]
    assert set(number_unet_layers(names).values()) == {0}
    assert number_unet_layers(["model.layers.0.self_attn.q_proj"]) == {}


@pytest.mark.parametrize(
    "name", ["." * 1000, "lora_unet_" + "a" * 990, "lora_unet_" + "a_" * 490, "down_blocks." * 80, "norm" * 250, "²"]
)
def test_odd_names(name: str) -> None:
    """Nonsense has a place too, found at once."""
    place_of(name)
    place_of(dotted(name))
    number_unet_layers([name, dotted(name)])
