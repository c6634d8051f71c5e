"""Makes torchvision importable where its compiled part does not match the installed torch.

The package index's Linux torchvision is built for CUDA; beside a CPU build of torch its operators are
missing and its import fails on `torchvision::nms`. Declaring the operators' signatures lets the import pass.
The operators stay unusable, which is no loss here: nothing calls them. Call `prepare()` before transformers
or diffusers is imported.
"""

from __future__ import annotations

import importlib
import sys
from typing import Final

import torch

_SCHEMAS: Final = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_declared: list[torch.library.Library] = []  # a library's declarations live only as long as the object


def prepare() -> None:
    """Import torchvision, declaring its missing operators if that is all that fails; safe to call again."""
    try:
        importlib.import_module("torchvision")
        return
    except ModuleNotFoundError:
        return
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    for name in [n for n in sys.modules if n == "torchvision" or n.startswith("torchvision.")]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "DEF")
    for schema in _SCHEMAS:
        library.define(schema)
    _declared.append(library)
    importlib.import_module("torchvision")
