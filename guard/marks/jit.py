"""Numba compilation whose cache can also be used where nothing may be written.

Numba refuses to decorate a function with ``cache=True`` when none of its cache folders is writable. A sandboxed
process is exactly that: it may read the folder that its parent filled, but not write to it. The locator below takes
the first folder that is writable *or* already holds a cache for the source file, in numba's own order
(``NUMBA_CACHE_DIR``, ``__pycache__`` beside the source, the user's cache folder), and a cache that cannot be written
is left alone.
"""

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import caching

_Function = TypeVar("_Function", bound=Callable[..., Any])


class _Locator(caching.UserProvidedCacheLocator):
    """First numba cache folder that can be written, or at least read; never ``None``."""

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> "caching._CacheLocator":
        readable = None
        locators = [caching.InTreeCacheLocator, caching.UserWideCacheLocator]
        if numba.config.CACHE_DIR:
            locators.insert(0, caching.UserProvidedCacheLocator)
        for kind in locators:
            locator = kind(py_func, py_file)
            folder = Path(locator.get_cache_path())
            try:
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder):
                    return locator
            except OSError:
                with contextlib.suppress(OSError):
                    if readable is None and any(folder.glob(f"{Path(py_file).stem}.*.nbi")):
                        readable = locator
        return readable or caching.InTreeCacheLocator(py_func, py_file)


class _Implementation(caching.CompileResultCacheImpl):
    _locator_classes = [_Locator]  # noqa: RUF012 - the name and form are numba's


class _Cache(caching.FunctionCache):
    _impl_class = _Implementation

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
    dispatcher = numba.njit(fastmath=True, nogil=True)(function)
    dispatcher._cache = _Cache(dispatcher.py_func)
    result: _Function = dispatcher
    return result
