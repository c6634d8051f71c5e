"""Read policy documents: YAML, then schema, then the floor, then the rules' expressions."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn

import yaml
from pydantic import TypeAdapter, ValidationError

from policies.document import Overlay, Policy, PolicyDocument, Probability, Rule, TextList
from policies.errors import PolicyError
from policies.expressions import ExpressionError, Language
from policies.names import load_names
from policies.signals import NAME_LISTS, NAME_PREFIX
from policies.taxonomy import FLOOR, Category

MAX_BYTES = 2_000_000
FLOOR_PREFIX = "floor."
_Path = tuple[Any, ...]
_Lines = dict[_Path, int]
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_policy(path: Path | None = None) -> Policy:
    """Read, validate and join a policy document with the floor.

    Args:
        path: A YAML file; None reads the embedded default.

    Raises:
        PolicyError: ``policy_unreadable``, ``policy_invalid``, ``policy_floor`` or ``policy_overlay``, with line
            and path.
    """
    if path is None:
        return parse_policy(_resource("default.yaml"), "default.yaml")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PolicyError("policy_unreadable", f"Cannot read {path}: {error.strerror}.") from None
    return parse_policy(data, path.name)


def parse_policy(data: bytes, name: str) -> Policy:
    """Like ``load_policy``, from bytes; ``name`` is used in messages."""
    tree, lines = _parse(data, name)
    try:
        document = PolicyDocument.model_validate(tree)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise PolicyError("policy_invalid", _where(name, lines, first["loc"], first["msg"])) from None
    refuse = _Refusal(name, lines)
    floor = _floor()
    _check_floor(document, floor["thresholds"], refuse)
    _check_overlays(document, refuse)
    fields = {key: getattr(document, key) for key in PolicyDocument.model_fields}
    fields["lists"] = document.lists | floor["lists"]
    fields["rules"] = (*floor["rules"], *document.rules)
    policy = Policy.model_validate(fields | {"gazetteers": load_names().digest})
    language = Language((*policy.lists, *NAME_LISTS), policy.judges)
    for path, rule in _rules(document):
        try:
            language.compile(rule.when)
        except ExpressionError as error:
            refuse("policy_invalid", (*path, "when"), f"rule {rule.id}: {error.reason}", error.line - 1)
    return policy


class _Refusal:
    """Raises errors that name file, line and path."""

    def __init__(self, name: str, lines: _Lines) -> None:
        self._name, self._lines = name, lines

    def __call__(self, code: str, path: _Path, reason: str, further: int = 0) -> NoReturn:
        raise PolicyError(code, _where(self._name, self._lines, path, reason, further))


def _rules(document: PolicyDocument) -> Iterator[tuple[_Path, Rule]]:
    for index, rule in enumerate(document.rules):
        yield ("rules", index), rule
    for number, overlay in enumerate(document.overlays):
        for index, rule in enumerate(overlay.rules):
            yield ("overlays", number, "rules", index), rule


def _check_floor(document: PolicyDocument, highest: dict[str, float], refuse: _Refusal) -> None:
    for category in sorted(FLOOR):
        policy = document.categories[Category(category)]
        if not policy.enabled:
            path = ("categories", category, "enabled")
            refuse("policy_floor", path, "a floor category cannot be switched off")
        for kind in ("text", "frames"):
            for limit in ("review", "block"):
                if getattr(getattr(policy, kind), limit) > highest[limit]:
                    place = ("categories", category, kind, limit)
                    refuse("policy_floor", place, f"the floor allows at most {highest[limit]}")
    for list_name in document.lists:
        for prefix, owner in ((FLOOR_PREFIX, "the floor"), (NAME_PREFIX, "the gazetteers")):
            if list_name.startswith(prefix):
                refuse(
                    "policy_floor", ("lists", list_name), f"names that begin with {prefix} belong to {owner}"
                )
    for path, rule in _rules(document):
        if rule.id.startswith(FLOOR_PREFIX):
            refuse("policy_floor", (*path, "id"), f"names that begin with {FLOOR_PREFIX} belong to the floor")


def _check_overlays(document: PolicyDocument, refuse: _Refusal) -> None:
    for index, overlay in enumerate(document.overlays):
        for path, category, limit, new in _changes(overlay):
            base = getattr(getattr(document.categories[category], path[-1]), limit)
            where = ("overlays", index, *path, limit)
            if overlay.relaxes and category in FLOOR and new > base:
                refuse("policy_floor", where, "no overlay can relax a floor category")
            if not overlay.relaxes and new > base:
                reason = f"an overlay can only tighten, and {new} lies above the document's {base}"
                refuse("policy_overlay", where, reason)


def _changes(overlay: Overlay) -> Iterator[tuple[_Path, Category, str, float]]:
    for category, change in overlay.categories.items():
        for kind in ("text", "frames"):
            thresholds = getattr(change, kind)
            if thresholds is not None:
                for limit in ("review", "block"):
                    yield ("categories", category.value, kind), category, limit, getattr(thresholds, limit)


def _floor() -> dict[str, Any]:
    tree, _ = _parse(_resource("floor.yaml"), "floor.yaml")
    return {
        "thresholds": TypeAdapter(dict[str, Probability]).validate_python(tree["thresholds"]),
        "lists": TypeAdapter(dict[str, TextList]).validate_python(tree["lists"]),
        "rules": TypeAdapter(tuple[Rule, ...]).validate_python(tree["rules"]),
    }


def _resource(name: str) -> bytes:
    return files("policies").joinpath(name).read_bytes()


def _parse(data: bytes, name: str) -> tuple[Any, _Lines]:
    """YAML to plain values, with the line of each path. Aliases and double keys are refused."""
    if len(data) > MAX_BYTES:
        raise PolicyError("policy_unreadable", f"{name} is larger than {MAX_BYTES} bytes.")
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(data, _Loader)):
            raise PolicyError("policy_unreadable", f"{name} uses YAML aliases (*name): write values out.")
        node = yaml.compose(data, _Loader)
        lines: _Lines = {}
        if node is not None:
            _walk(node, (), lines, name)
        return yaml.load(data, _Loader), lines  # noqa: S506 - a safe loader
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or "not valid YAML"
        raise PolicyError("policy_unreadable", f"{name}{line}: {reason}.") from None


def _walk(node: yaml.Node, path: _Path, lines: _Lines, name: str) -> None:
    block = isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")  # its text begins on the next line
    lines[path] = node.start_mark.line + (2 if block else 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if (*path, key.value) in lines:
                line = key.start_mark.line + 1
                raise PolicyError("policy_unreadable", f"{name}, line {line}: {key.value} is given twice.")
            _walk(value, (*path, key.value), lines, name)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _walk(value, (*path, index), lines, name)


def _where(name: str, lines: _Lines, path: _Path, reason: str, further: int = 0) -> str:
    shown = ".".join(str(part) for part in path) or "document"
    known = tuple(path)
    while known not in lines and known:
        known = known[:-1]
    return f"{name}, line {lines.get(known, 1) + further}, {shown}: {reason}."
