"""Pipelines of diffusers' real classes, tiny and with random weights, saved the way models are published.

Nothing is downloaded: every part is built from a configuration, the tokenizers too, so that a prompt takes the whole
way through tokenizer, text encoder, denoiser and decoder. What comes out is noise of the right shape.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from generator._torchvision import prepare

prepare()  # before diffusers and transformers, which import torchvision

import diffusers  # noqa: E402
import transformers  # noqa: E402
from diffusers.pipelines.ltx2 import LTX2TextConnectors  # noqa: E402
from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder  # noqa: E402
from tokenizers import Tokenizer, models, pre_tokenizers  # noqa: E402

_WORDS = (
    "<pad>",
    "<unk>",
    "<eos>",
    "<bos>",
    "red",
    "blue",
    "ball",
    "cube",
    "rolls",
    "jumps",
    "im_start",
    "the",
)
VOCABULARY = 16
FLOW = diffusers.FlowMatchEulerDiscreteScheduler


def tokenizer(longest: int = 16, **special: str) -> Any:
    """Whole words; everything else is unknown. Pads to `longest` tokens where padding is asked for."""
    words = Tokenizer(models.WordLevel({w: i for i, w in enumerate(_WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="<pad>",
        unk_token="<unk>",
        eos_token="<eos>",
        bos_token="<bos>",
        model_max_length=longest,
        **special,
    )


def t5(size: int = 16) -> Any:
    """A T5 encoder of that width."""
    config = transformers.T5Config(
        vocab_size=VOCABULARY, d_model=size, d_kv=8, d_ff=16, num_layers=1, num_heads=2, pad_token_id=0
    )
    return transformers.T5EncoderModel(config)


def clip(*, projected: bool = False, size: int = 32, longest: int = 16) -> Any:
    """The text half of CLIP."""
    config = transformers.CLIPTextConfig(
        vocab_size=VOCABULARY,
        hidden_size=size,
        intermediate_size=16,
        num_attention_heads=2,
        num_hidden_layers=2,
        projection_dim=size,
        max_position_embeddings=longest,
        pad_token_id=0,
        eos_token_id=2,
        bos_token_id=3,
    )
    return (transformers.CLIPTextModelWithProjection if projected else transformers.CLIPTextModel)(config)


def _wan_parts(channels_in: int) -> dict[str, Any]:
    text = transformers.UMT5Config(
        vocab_size=VOCABULARY, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, pad_token_id=0
    )
    return {
        "tokenizer": tokenizer(),
        "text_encoder": transformers.UMT5EncoderModel(text),
        "transformer": diffusers.WanTransformer3DModel(
            patch_size=(1, 2, 2),
            num_attention_heads=2,
            attention_head_dim=12,
            in_channels=channels_in,
            out_channels=16,
            text_dim=16,
            freq_dim=16,
            ffn_dim=16,
            num_layers=1,
            rope_max_seq_len=64,
        ),
        "vae": diffusers.AutoencoderKLWan(base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1),
        "scheduler": FLOW(shift=3.0),
    }


def wan() -> Any:
    """Wan 2.2 with one transformer and a time of its own for each token, as its 5B model has."""
    return diffusers.WanPipeline(**_wan_parts(16), expand_timesteps=True)


def wan_of_two() -> Any:
    """Wan 2.2 with a second transformer for the last steps, as its A14B models have."""
    second = _wan_parts(16)["transformer"]
    return diffusers.WanPipeline(**_wan_parts(16), transformer_2=second, boundary_ratio=0.9)


def wan_from_picture() -> Any:
    """Wan 2.2 from a picture: the denoiser sees noise, the encoded picture and a mask."""
    return diffusers.WanImageToVideoPipeline(**_wan_parts(36))


def ltx() -> Any:
    """LTX-Video."""
    return diffusers.LTXPipeline(
        tokenizer=tokenizer(),
        text_encoder=t5(),
        transformer=diffusers.LTXVideoTransformer3DModel(
            in_channels=8,
            out_channels=8,
            num_attention_heads=2,
            attention_head_dim=8,
            cross_attention_dim=16,
            num_layers=1,
            caption_channels=16,
        ),
        vae=diffusers.AutoencoderKLLTXVideo(
            latent_channels=8,
            block_out_channels=(8, 8, 8, 8),
            decoder_block_out_channels=(8, 8, 8, 8),
            layers_per_block=(1, 1, 1, 1, 1),
            decoder_layers_per_block=(1, 1, 1, 1, 1),
            spatio_temporal_scaling=(True, True, False, False),
            decoder_spatio_temporal_scaling=(True, True, False, False),
            decoder_inject_noise=(False,) * 5,
            upsample_residual=(False,) * 4,
            upsample_factor=(1,) * 4,
            timestep_conditioning=False,
            patch_size=1,
            patch_size_t=1,
            encoder_causal=True,
            decoder_causal=False,
        ),
        scheduler=FLOW(),
    )


def cogvideox() -> Any:
    """CogVideoX."""
    return diffusers.CogVideoXPipeline(
        tokenizer=tokenizer(),
        text_encoder=t5(),
        transformer=diffusers.CogVideoXTransformer3DModel(
            num_attention_heads=2,
            attention_head_dim=16,
            in_channels=4,
            out_channels=4,
            time_embed_dim=2,
            text_embed_dim=16,
            num_layers=1,
            sample_width=4,
            sample_height=4,
            sample_frames=9,
            patch_size=2,
            temporal_compression_ratio=4,
            max_text_seq_length=16,
        ),
        vae=diffusers.AutoencoderKLCogVideoX(
            down_block_types=("CogVideoXDownBlock3D",) * 4,
            up_block_types=("CogVideoXUpBlock3D",) * 4,
            block_out_channels=(4, 4, 4, 4),
            latent_channels=4,
            layers_per_block=1,
            norm_num_groups=2,
            temporal_compression_ratio=4,
        ),
        scheduler=diffusers.CogVideoXDDIMScheduler(),
    )


def hunyuan() -> Any:
    """HunyuanVideo: a language model and CLIP read the prompt."""
    llama = transformers.LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=16,
        intermediate_size=16,
        num_attention_heads=2,
        num_hidden_layers=3,
        pad_token_id=0,
        eos_token_id=2,
        bos_token_id=3,
    )
    return diffusers.HunyuanVideoPipeline(
        tokenizer=tokenizer(),
        text_encoder=transformers.LlamaModel(llama),
        tokenizer_2=tokenizer(),
        text_encoder_2=clip(size=8, longest=77),
        transformer=diffusers.HunyuanVideoTransformer3DModel(
            in_channels=4,
            out_channels=4,
            num_attention_heads=2,
            attention_head_dim=10,
            num_layers=1,
            num_single_layers=1,
            num_refiner_layers=1,
            patch_size=1,
            patch_size_t=1,
            guidance_embeds=True,
            text_embed_dim=16,
            pooled_projection_dim=8,
            rope_axes_dim=(2, 4, 4),
        ),
        vae=diffusers.AutoencoderKLHunyuanVideo(
            latent_channels=4,
            down_block_types=("HunyuanVideoDownBlock3D",) * 4,
            up_block_types=("HunyuanVideoUpBlock3D",) * 4,
            block_out_channels=(4, 4, 4, 4),
            layers_per_block=1,
            norm_num_groups=2,
            mid_block_add_attention=False,
        ),
        scheduler=FLOW(shift=7.0),
    )


def mochi() -> Any:
    """Mochi."""
    return diffusers.MochiPipeline(
        tokenizer=tokenizer(),
        text_encoder=t5(),
        transformer=diffusers.MochiTransformer3DModel(
            patch_size=2,
            num_attention_heads=2,
            attention_head_dim=8,
            num_layers=1,
            pooled_projection_dim=16,
            in_channels=12,
            text_embed_dim=16,
            time_embed_dim=4,
            max_sequence_length=16,
        ),
        vae=diffusers.AutoencoderKLMochi(
            latent_channels=12,
            encoder_block_out_channels=(32, 32, 32, 32),
            decoder_block_out_channels=(32, 32, 32, 32),
            layers_per_block=(1, 1, 1, 1, 1),
        ),
        scheduler=FLOW(),
    )


def ltx2() -> Any:
    """LTX-2: pictures and sound together; the vocoder's rate is the sound's."""
    words = {
        "vocab_size": VOCABULARY,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "pad_token_id": 0,
        "eos_token_id": 2,
        "bos_token_id": 3,
    }
    eyes = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 16,
        "patch_size": 8,
    }
    ids = {"boi_token_index": 13, "eoi_token_index": 14, "image_token_index": 15}
    gemma = transformers.Gemma3Config(text_config=words, vision_config=eyes, mm_tokens_per_image=4, **ids)
    connectors = {
        f"{kind}_connector_{name}": value
        for kind in ("video", "audio")
        for name, value in (
            ("num_attention_heads", 2),
            ("attention_head_dim", 8),
            ("num_layers", 1),
            ("num_learnable_registers", None),
        )
    }
    vae = diffusers.AutoencoderKLLTX2Video(
        latent_channels=4,
        block_out_channels=(8,),
        decoder_block_out_channels=(8,),
        layers_per_block=(1,),
        decoder_layers_per_block=(1, 1),
        spatio_temporal_scaling=(True,),
        decoder_spatio_temporal_scaling=(True,),
        decoder_inject_noise=(False, False),
        downsample_type=("spatial",),
        upsample_residual=(False,),
        upsample_factor=(1,),
        timestep_conditioning=False,
        patch_size=1,
        patch_size_t=1,
        encoder_causal=True,
        decoder_causal=False,
    )
    return diffusers.LTX2Pipeline(
        tokenizer=tokenizer(),
        text_encoder=transformers.Gemma3ForConditionalGeneration(gemma),
        connectors=LTX2TextConnectors(
            caption_channels=16, text_proj_in_factor=3, connector_rope_base_seq_len=32, **connectors
        ),
        transformer=diffusers.LTX2VideoTransformer3DModel(
            in_channels=4,
            out_channels=4,
            patch_size=1,
            patch_size_t=1,
            num_attention_heads=2,
            attention_head_dim=8,
            cross_attention_dim=16,
            audio_in_channels=4,
            audio_out_channels=4,
            audio_num_attention_heads=2,
            audio_attention_head_dim=4,
            audio_cross_attention_dim=8,
            num_layers=1,
            caption_channels=16,
        ),
        vae=vae,
        audio_vae=diffusers.AutoencoderKLLTX2Audio(
            base_channels=4,
            output_channels=2,
            ch_mult=(1,),
            num_res_blocks=1,
            in_channels=2,
            resolution=32,
            latent_channels=2,
            mel_bins=8,
        ),
        vocoder=LTX2Vocoder(
            in_channels=2 * 8,
            hidden_channels=32,
            out_channels=2,
            upsample_kernel_sizes=[20, 16],
            upsample_factors=[10, 16],
            resnet_kernel_sizes=[3],
            resnet_dilations=[[1, 3, 5]],
            output_sampling_rate=16000,
        ),
        scheduler=FLOW(),
    )


def save(build: Callable[[], Any], folder: Path) -> Path:
    """A pipeline's folder; the same weights each time."""
    torch.manual_seed(0)
    build().save_pretrained(folder)
    return folder
