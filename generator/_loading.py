"""Loading a pipeline without the libraries' own progress bars."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Keep `diffusers` and `transformers` from drawing on standard error: it belongs to their user."""
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    with ExitStack() as restore:
        for logging in (of_diffusers, of_transformers):
            if logging.is_progress_bar_enabled():
                logging.disable_progress_bar()
                restore.callback(logging.enable_progress_bar)
        yield
