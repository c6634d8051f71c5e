"""Numba compilation whose cache can also be used where nothing may be written.

Numba refuses to decorate a function with ``cache=True`` when none of its cache folders is writable. A
sandboxed process is exactly that: it may read the folder that its parent filled, but not write to it. The
locator below takes the first folder that already holds a cache for the function or is writable, in numba's
own order (``NUMBA_CACHE_DIR``, ``__pycache__`` beside the source, the user's cache folder), and a cache that
cannot be written is left alone.
"""

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import caching as _untyped_caching
from numba.core import config as _untyped_config

_Function = TypeVar("_Function", bound=Callable[..., Any])

# numba annotates little of this part of itself
_caching: Any = _untyped_caching
_config: Any = _untyped_config
_FunctionCache: Any = _caching.FunctionCache
_Implementation: Any = _caching.CompileResultCacheImpl
_UserProvided: Any = _caching.UserProvidedCacheLocator


class _Locator(_UserProvided):
    """First of numba's cache folders that holds the function or can be written; never ``None``."""

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> Any:
        kinds = [_caching.InTreeCacheLocator, _caching.UserWideCacheLocator]
        if _config.CACHE_DIR:
            kinds.insert(0, _UserProvided)
        locators = [kind(py_func, py_file) for kind in kinds]
        for locator in locators:
            folder = Path(locator.get_cache_path())
            with contextlib.suppress(OSError):
                if any(folder.glob(f"{Path(py_file).stem}.{py_func.__name__}-*.nbi")):
                    return locator
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder):
                    return locator
        return locators[0]


class _LocatedImplementation(_Implementation):
    _locator_classes = [_Locator]  # noqa: RUF012 - the name and form are numba's


class _Cache(_FunctionCache):
    _impl_class = _LocatedImplementation

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except OSError:
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        with contextlib.suppress(OSError):
            super().save_overload(sig, data)


def compiled(function: _Function) -> _Function:
    """Compile ``function`` to machine code on first use, with a cache on disk that may be read-only.

    Args:
        function: A function that numba can compile in nopython mode; its floating point may be reordered.

    Returns:
        The compiled function, called in the same way.
    """
    dispatcher: Any = numba.njit(fastmath=True, nogil=True)(function)
    dispatcher._cache = _Cache(function)
    result: _Function = dispatcher
    return result
