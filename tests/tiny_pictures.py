"""As `tests.tiny_pipelines`: the pipelines that make single pictures."""

from __future__ import annotations

from typing import Any

import transformers

from tests.tiny_pipelines import FLOW, VOCABULARY, clip, diffusers, t5, tokenizer


def _vae(channels: int) -> Any:
    return diffusers.AutoencoderKL(
        block_out_channels=(4, 4),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        layers_per_block=1,
        latent_channels=channels,
        norm_num_groups=1,
        use_quant_conv=False,
        use_post_quant_conv=False,
        shift_factor=0.06,
        scaling_factor=1.5,
    )


def sdxl() -> Any:
    """Stable Diffusion XL."""
    return diffusers.StableDiffusionXLPipeline(
        tokenizer=tokenizer(),
        text_encoder=clip(),
        tokenizer_2=tokenizer(),
        text_encoder_2=clip(projected=True),
        unet=diffusers.UNet2DConditionModel(
            block_out_channels=(4, 4),
            layers_per_block=1,
            sample_size=8,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            attention_head_dim=2,
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=6 * 8 + 32,
            cross_attention_dim=64,
            norm_num_groups=1,
        ),
        vae=_vae(4),
        scheduler=diffusers.EulerDiscreteScheduler(),
        add_watermarker=False,
    )


def sd3() -> Any:
    """Stable Diffusion 3, as 3.5 is."""
    return diffusers.StableDiffusion3Pipeline(
        tokenizer=tokenizer(),
        text_encoder=clip(projected=True),
        tokenizer_2=tokenizer(),
        text_encoder_2=clip(projected=True),
        tokenizer_3=tokenizer(),
        text_encoder_3=t5(64),
        transformer=diffusers.SD3Transformer2DModel(
            sample_size=16,
            patch_size=1,
            in_channels=4,
            out_channels=4,
            num_layers=1,
            attention_head_dim=8,
            num_attention_heads=2,
            caption_projection_dim=16,
            joint_attention_dim=64,
            pooled_projection_dim=64,
            pos_embed_max_size=128,
        ),
        vae=_vae(4),
        scheduler=FLOW(),
    )


def flux() -> Any:
    """FLUX.1."""
    return diffusers.FluxPipeline(
        tokenizer=tokenizer(),
        text_encoder=clip(),
        tokenizer_2=tokenizer(),
        text_encoder_2=t5(),
        transformer=diffusers.FluxTransformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=16,
            pooled_projection_dim=32,
            guidance_embeds=True,
            axes_dims_rope=(4, 4, 8),
        ),
        vae=_vae(4),
        scheduler=FLOW(),
    )


def qwen_image() -> Any:
    """Qwen-Image: a language model with eyes reads the prompt."""
    words = {
        "vocab_size": VOCABULARY,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e6},
    }
    eyes = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16}
    ids = dict.fromkeys(("vision_end_token_id", "vision_start_token_id", "vision_token_id"), 1)
    config = transformers.Qwen2_5_VLConfig(text_config=words, vision_config=eyes, **ids)
    config.text_config.bos_token_id, config.text_config.eos_token_id = 3, 2
    return diffusers.QwenImagePipeline(
        tokenizer=tokenizer(),
        text_encoder=transformers.Qwen2_5_VLForConditionalGeneration(config),
        transformer=diffusers.QwenImageTransformer2DModel(
            patch_size=2,
            in_channels=16,
            out_channels=4,
            num_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=16,
            axes_dims_rope=(8, 4, 4),
        ),
        vae=diffusers.AutoencoderKLQwenImage(
            base_dim=4,
            z_dim=4,
            dim_mult=[1, 1, 1, 1],
            num_res_blocks=1,
            temperal_downsample=[False, True, True],
            latents_mean=[0.0] * 4,
            latents_std=[1.0] * 4,
        ),
        scheduler=FLOW(),
    )
