"""The taxonomy as data: definitions, examples on both sides of the line, and what others call it."""

from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from policies.document import Words
from policies.taxonomy import Category

OpenAiName = Literal[
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent",
    "self-harm", "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence",
    "violence/graphic",
]  # fmt: skip
AzureName = Literal["Hate", "SelfHarm", "Sexual", "Violence"]
MlCommonsName = Annotated[str, Field(pattern=r"^S(?:[1-9]|1[0-4])$")]


class Examples(BaseModel):
    """Prompts in both languages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    en: tuple[str, ...]
    de: tuple[str, ...]


class Entry(BaseModel):
    """One category.

    Attributes:
        name: For people.
        definition: What is meant, and what is not.
        over: Examples beyond the line.
        under: Examples on this side of it.
        openai: Names of the OpenAI moderation wire that it answers for.
        mlcommons: Hazards S1 to S14 of the MLCommons taxonomy (S14 as Llama Guard adds it).
        azure: Harm categories of Azure AI Content Safety.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Words
    definition: Words
    over: Examples
    under: Examples
    openai: tuple[OpenAiName, ...]
    mlcommons: tuple[MlCommonsName, ...]
    azure: tuple[AzureName, ...]


@cache
def taxonomy() -> dict[Category, Entry]:
    """All categories, in their fixed order."""
    tree = yaml.safe_load(files("policies").joinpath("taxonomy.yaml").read_text("utf-8"))
    return TypeAdapter(dict[Category, Entry]).validate_python(tree)
