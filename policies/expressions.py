"""Rules' conditions: CEL expressions, checked and compiled when the policy is read.

The types of all signals are declared, so a misspelt list or category is found at load and not on the first
prompt that reaches it. CEL has no loops but those over lists, and the library bounds their steps; regular
expressions run in RE2. An expression therefore cannot hang, whatever the prompt.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from cel_expr_python import cel

from policies.judges.opinion import Opinion
from policies.taxonomy import CATEGORIES

FOUND, SCORE, JUDGE = "found.", "score.", "judge."
_FLAGGED, _FLAGS, _ANSWERED = "flagged", "flags", "answered"
_T = cel.Type
_CIRCUMSTANCES = {
    "audience": _T.STRING,
    "medium": _T.STRING,
    "regions": _T.List(_T.STRING),
    "tenant": _T.STRING,
    "has_reference": _T.BOOL,
    "reference_has_face": _T.BOOL,
    "reference_is_person": _T.BOOL,
    "reference_unexamined": _T.BOOL,
    "language": _T.STRING,
    "stage": _T.STRING,
    "names": _T.List(_T.Map(_T.STRING, _T.STRING)),
}
SIGNALS = tuple(_CIRCUMSTANCES)
"""Names that an expression can use besides ``score.CATEGORY``, ``found.LIST`` and those that begin with ``judge.``."""

RESERVED = frozenset({
    "as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop",
    "namespace", "null", "package", "return", "true", "var", "void", "while",
})  # fmt: skip
_ERROR = re.compile(r"<input>:(\d+):(\d+): (.*)")
_MENTION = re.compile(r"(!\s*)?\bfound((?:\s*\.\s*[a-z][a-z0-9_]*)+)")
_ASKED = re.compile(r"\bjudge\s*\.\s*([a-z][a-z0-9_]*)")
_TEXT = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")


class ExpressionError(Exception):
    """An expression cannot be used.

    Attributes:
        line: Of the expression, from 1.
        reason: What is wrong with it, with the column.
    """

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


class Values:
    """The signals of one input, bound once for all of a policy's expressions."""

    def __init__(self, activation: Any) -> None:
        self.activation = activation


class Condition:
    """A compiled expression.

    Attributes:
        lists: Lists that it asks for and does not directly negate; where they occur, the condition is met.
        asks: Whether it names a further judge, so that it may have to wait for what that one says.
    """

    def __init__(self, compiled: Any, lists: tuple[str, ...], *, asks: bool) -> None:
        self._compiled = compiled
        self.lists = lists
        self.asks = asks

    def holds(self, values: Values) -> bool | None:
        """Whether it is met; None if it cannot be said (a division by zero, a judge's score without an answer)."""
        try:
            found = self._compiled.eval(values.activation).value()
        except RuntimeError:  # the bound on steps
            return None
        return found if isinstance(found, bool) else None


class Language:
    """The expressions that a policy with these lists and further judges can hold.

    Args:
        lists: Their names.
        judges: Names of further judges; an expression writes ``_`` for the ``-`` in them.
    """

    def __init__(self, lists: Iterable[str], judges: Iterable[str] = ()) -> None:
        self._lists = tuple(lists)
        self._judges = {name: name.replace("-", "_") for name in judges}
        variables = dict(_CIRCUMSTANCES)
        variables |= {SCORE + category: _T.DOUBLE for category in CATEGORIES}
        variables |= {FOUND + name: _T.BOOL for name in self._lists}
        for spelt in self._judges.values():
            variables |= {f"{JUDGE}{spelt}.{name}": _T.BOOL for name in (_ANSWERED, _FLAGGED)}
            variables |= {f"{JUDGE}{spelt}.{category}": _T.DOUBLE for category in CATEGORIES}
            variables |= {f"{JUDGE}{spelt}.{_FLAGS}.{category}": _T.BOOL for category in CATEGORIES}
        self._environment = cel.NewEnv(variables=variables)

    def compile(self, expression: str) -> Condition:
        """Check and compile.

        Raises:
            ExpressionError: It is no CEL, names what there is not, or is not a yes or no.
        """
        try:
            compiled = self._environment.compile(expression)
        except RuntimeError as error:
            found = _ERROR.search(str(error))
            if found is None:
                raise ExpressionError(1, self._plain(str(error))) from None
            line, column, reason = found.groups()
            raise ExpressionError(int(line), f"{self._plain(reason)} (column {column})") from None
        if compiled.return_type() != _T.BOOL:
            raise ExpressionError(1, f"it must be true or false, not {compiled.return_type().name()}")
        asked = set(_ASKED.findall(_TEXT.sub('""', expression)))
        asks = not asked.isdisjoint(self._judges.values())
        return Condition(compiled, self._mentioned(expression), asks=asks)

    def bind(
        self,
        scores: Mapping[str, float],
        found: Iterable[str],
        circumstances: Mapping[str, Any],
        heard: Mapping[str, Opinion | None] | None = None,
    ) -> Values:
        """Bind the signals of one input.

        Args:
            scores: Probability per category; what was not scored counts as 0.
            found: Lists that occur.
            circumstances: A value for each of ``SIGNALS``.
            heard: What each further judge says, None if it did not answer; None if nobody was asked. What nobody
                said has no value, so that a condition that turns on it cannot be said to be met or not.
        """
        occurring = set(found)
        values = {SCORE + category: float(scores.get(category, 0.0)) for category in CATEGORIES}
        values |= {FOUND + name: name in occurring for name in self._lists}
        values |= self._said(heard or {})
        return Values(self._environment.Activation({**values, **circumstances}))

    def _said(self, heard: Mapping[str, Opinion | None]) -> dict[str, float | bool]:
        values: dict[str, float | bool] = {}
        for name, opinion in heard.items():
            if name not in self._judges:
                continue
            judge = JUDGE + self._judges[name]
            values[f"{judge}.{_ANSWERED}"] = opinion is not None
            if opinion is not None:
                values[f"{judge}.{_FLAGGED}"] = bool(opinion.flagged)
                for category in CATEGORIES:
                    values[f"{judge}.{category}"] = float(opinion.scores.get(category, 0.0))
                    values[f"{judge}.{_FLAGS}.{category}"] = category in opinion.flagged
        return values

    def _mentioned(self, expression: str) -> tuple[str, ...]:
        names: dict[str, None] = {}  # a set that keeps its order
        for negated, dotted in _MENTION.findall(_TEXT.sub('""', expression)):
            if not negated:
                names["".join(dotted.split())[1:]] = None
        return tuple(name for name in names if name in self._lists)

    def _plain(self, reason: str) -> str:
        """The library's words without its status codes; what is not declared has a plain name here."""
        reason = re.sub(r"\s*\[?(INVALID_ARGUMENT|CANCELLED)\]?:?\s*", " ", reason).strip()
        unknown = re.search(r"undeclared reference to '([^']*)'", reason)
        if unknown is None:
            return reason
        name = unknown.group(1)
        if name.startswith(FOUND) or name == FOUND[:-1]:
            return f"names the list {name.removeprefix(FOUND)}, which does not exist"
        if name.startswith(SCORE) or name == SCORE[:-1]:
            return f"names the category {name.removeprefix(SCORE)}, which does not exist"
        if name.startswith(JUDGE) or name == JUDGE[:-1]:
            return self._no_such_judge(name.removeprefix(JUDGE))
        signals = ", ".join((*SIGNALS, "found.LIST", "score.CATEGORY", "judge.NAME.CATEGORY"))
        return f"{name} is neither a signal nor a function; the signals are {signals}"

    def _no_such_judge(self, asked: str) -> str:
        name, _, what = asked.partition(".")
        if name not in self._judges.values():
            return f"names the judge {name}, which 'judges' does not list"
        what = what.removeprefix(f"{_FLAGS}.")
        wanted = f"{_ANSWERED}, {_FLAGGED}, {_FLAGS}.CATEGORY or CATEGORY"
        return f"asks the judge {name} for {what or 'nothing'}; it can be asked for {wanted}"
