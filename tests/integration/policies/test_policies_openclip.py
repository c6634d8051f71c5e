import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from policies import Judge, NgramClassifier, OpenClipScorer, PolicyError, load_policy
from policies._torchvision import prepare

TINY: dict[str, Any] = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="module")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random open_clip model of a few thousand weights, built here."""
    import torch

    prepare()
    import open_clip

    folder = tmp_path_factory.mktemp("clip")
    (folder / "tiny-guard.json").write_text(json.dumps(TINY))
    open_clip.add_model_config(folder / "tiny-guard.json")
    torch.manual_seed(0)
    model = open_clip.create_model("tiny-guard")
    torch.save(model.state_dict(), folder / "tiny.pt")
    return folder / "tiny.pt"


def test_open_clip_scores_against_the_policy(tiny_clip: Path) -> None:
    policy = load_policy()
    descriptions = {c.value: p.description.en for c, p in policy.categories.items()}
    scorer = OpenClipScorer("tiny-guard", tiny_clip, descriptions)
    pictures = [np.random.default_rng(i).integers(0, 256, (40, 60, 3), dtype=np.uint8) for i in range(3)]
    scores = scorer.score(pictures)
    assert len(scores) == 3
    assert all(set(s) == set(descriptions) for s in scores)
    assert all(0 < value < 1 for s in scores for value in s.values())
    assert len({tuple(s.values()) for s in scores}) == 3  # it looks at the pictures
    assert scorer.score(pictures) == scores
    decision = Judge(policy, NgramClassifier.embedded(), scorer).judge_frames(pictures)
    assert decision.model_id == "open-clip-tiny-guard"
    assert len(decision.scores) == 14


def test_open_clip_refuses_what_it_cannot_use(tiny_clip: Path, tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        OpenClipScorer("tiny-guard", tmp_path / "none.pt", {"sexual": "x"})
    assert caught.value.code == "weights_missing"
    with pytest.raises(PolicyError) as caught:
        OpenClipScorer("tiny-guard", tiny_clip, {"nonsense": "x"})
    assert caught.value.code == "category_unknown"
    (tmp_path / "broken.pt").write_bytes(b"broken")
    with pytest.raises(PolicyError) as caught:
        OpenClipScorer("tiny-guard", tmp_path / "broken.pt", {"sexual": "x"}).score(
            [np.zeros((8, 8, 3), np.uint8)]
        )
    assert caught.value.code == "weights_invalid"
