"""How networks in ONNX are run here."""

from typing import Any


def one_threaded(data: bytes) -> Any:
    """A session of onnxruntime on one thread: several processes share the cores."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
