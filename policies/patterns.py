"""Which regular expressions a policy may hold.

Python's engine backtracks, so a careless pattern can take exponential time. Rather than trust a
timer, patterns whose worst case is not linear are refused when the document is read: no
unbounded or nested repetition, no look-around, no back-references, and a small bound on the number
of ways in which one starting point can be tried.
"""

import re
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import Any

MAX_WAYS = 256
_PLAIN = {sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN, sre.AT}


def check_pattern(pattern: str) -> None:
    """Refuse a pattern that is invalid or could be slow.

    Raises:
        ValueError: With the reason.
    """
    try:
        tree = sre_parser.parse(pattern)
    except re.error as error:
        raise ValueError(f"pattern is not a regular expression: {error.msg}") from None
    if tree.getwidth()[0] == 0:
        raise ValueError("pattern matches empty text")
    if _ways(tree, repeated=False) > MAX_WAYS:
        raise ValueError(f"pattern can be tried in more than {MAX_WAYS} ways at one place: simplify it")


def _ways(tree: Any, repeated: bool) -> int:
    total = 1
    for operation, argument in tree:
        if operation in _PLAIN:
            continue
        if operation is sre.SUBPATTERN:
            total *= _ways(argument[3], repeated)
        elif operation is sre.BRANCH:
            total *= sum(_ways(branch, repeated) for branch in argument[1])
        elif operation in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            low, high, inner = argument
            if high is sre.MAXREPEAT:
                raise ValueError("pattern repeats without a bound: write {0,20} for * and {1,20} for +")
            if repeated:
                raise ValueError("pattern nests repetitions")
            total *= (int(high) - int(low) + 1) * _ways(inner, repeated=True) ** min(int(high), 8)
        else:
            raise ValueError("pattern uses look-around or back-references, which are not supported")
    return total
