"""Read policy documents: YAML, then schema, then the floor."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from policies.document import PhraseList, Policy, PolicyDocument, Probability, Rule
from policies.errors import PolicyError
from policies.taxonomy import FLOOR, Category

MAX_BYTES = 2_000_000
FLOOR_PREFIX = "floor."
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_policy(path: Path | None = None) -> Policy:
    """Read, validate and join a policy document with the floor.

    Args:
        path: A YAML file; None reads the embedded default.

    Raises:
        PolicyError: ``policy_unreadable``, ``policy_invalid`` or ``policy_floor``, with line and path.
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
    floor = _floor()
    _check_floor(document, floor, name, lines)
    fields = {key: getattr(document, key) for key in PolicyDocument.model_fields}
    fields["lists"] = document.lists | floor["lists"]
    fields["rules"] = (*floor["rules"], *document.rules)
    return Policy.model_validate(fields)


def _check_floor(
    document: PolicyDocument, floor: dict[str, Any], name: str, lines: dict[tuple[Any, ...], int]
) -> None:
    def refuse(where: tuple[Any, ...], reason: str) -> None:
        raise PolicyError("policy_floor", _where(name, lines, where, reason))

    for category in sorted(FLOOR):
        policy = document.categories[Category(category)]
        if not policy.enabled:
            refuse(("categories", category, "enabled"), "a floor category cannot be switched off")
        for kind in ("text", "frames"):
            for limit in ("review", "block"):
                highest = floor["thresholds"][limit]
                if getattr(getattr(policy, kind), limit) > highest:
                    refuse(("categories", category, kind, limit), f"the floor allows at most {highest}")
    for list_name in document.lists:
        if list_name.startswith(FLOOR_PREFIX):
            refuse(("lists", list_name), f"names that begin with {FLOOR_PREFIX} belong to the floor")
    for index, rule in enumerate(document.rules):
        if rule.id.startswith(FLOOR_PREFIX):
            refuse(("rules", index, "id"), f"names that begin with {FLOOR_PREFIX} belong to the floor")


def _floor() -> dict[str, Any]:
    tree, _ = _parse(_resource("floor.yaml"), "floor.yaml")
    return {
        "thresholds": TypeAdapter(dict[str, Probability]).validate_python(tree["thresholds"]),
        "lists": TypeAdapter(dict[str, PhraseList]).validate_python(tree["lists"]),
        "rules": TypeAdapter(tuple[Rule, ...]).validate_python(tree["rules"]),
    }


def _resource(name: str) -> bytes:
    return files("policies").joinpath(name).read_bytes()


def _parse(data: bytes, name: str) -> tuple[Any, dict[tuple[Any, ...], int]]:
    """YAML to plain values, with the line of each path. Aliases and double keys are refused."""
    if len(data) > MAX_BYTES:
        raise PolicyError("policy_unreadable", f"{name} is larger than {MAX_BYTES} bytes.")
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(data, _Loader)):
            raise PolicyError("policy_unreadable", f"{name} uses YAML aliases (*name): write values out.")
        node = yaml.compose(data, _Loader)
        lines: dict[tuple[Any, ...], int] = {}
        if node is not None:
            _walk(node, (), lines, name)
        return yaml.load(data, _Loader), lines  # noqa: S506 - a safe loader
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or "not valid YAML"
        raise PolicyError("policy_unreadable", f"{name}{line}: {reason}.") from None


def _walk(node: yaml.Node, path: tuple[Any, ...], lines: dict[tuple[Any, ...], int], name: str) -> None:
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if (*path, key.value) in lines:
                line = key.start_mark.line + 1
                raise PolicyError("policy_unreadable", f"{name}, line {line}: {key.value} is given twice.")
            _walk(value, (*path, key.value), lines, name)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _walk(value, (*path, index), lines, name)


def _where(name: str, lines: dict[tuple[Any, ...], int], path: tuple[Any, ...], reason: str) -> str:
    shown = ".".join(str(part) for part in path) or "document"
    known = tuple(path)
    while known not in lines and known:
        known = known[:-1]
    return f"{name}, line {lines.get(known, 1)}, {shown}: {reason}."
