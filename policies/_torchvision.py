"""Makes torchvision importable beside a torch that it was not built for.

The package index's torchvision expects CUDA. Beside a CPU torch its import fails for want of two operator schemas that
nothing here calls; on exactly that error they are declared, and the import is tried again.
"""

import importlib
import sys
from typing import Any

_MISSING_OPERATOR = "operator torchvision::nms does not exist"
_DECLARED: list[Any] = []  # a library's schemas live only as long as it does


def prepare() -> None:
    """Import torchvision if it is installed; call it before open_clip or transformers is imported."""
    try:
        importlib.import_module("torchvision")
    except ModuleNotFoundError:
        return
    except RuntimeError as error:
        if _MISSING_OPERATOR not in str(error):
            raise
        import torch

        for name in [name for name in sys.modules if name.partition(".")[0] in ("torchvision", "open_clip")]:
            del sys.modules[name]
        library: Any = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _DECLARED.append(library)
        importlib.import_module("torchvision")
