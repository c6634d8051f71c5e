"""Compiling the codec beforehand."""

import numpy as np

from guard.marks import polar, search


def warm_up() -> None:
    """Compile everything that is compiled, or load it from numba's cache.

    Takes some seconds on a machine that has never done it and a fraction of one afterwards. A parent calls
    this before it starts sandboxed children, which can read the cache (``NUMBA_CACHE_DIR``) and not write it.
    """
    polar.decode_list(np.ones(polar.LENGTH, np.float32), np.ones(polar.LENGTH, np.uint8), polar.LIST_SIZE)
    search.compile_search()
