from pathlib import Path

from policies import CATEGORIES, FLOOR, OPENAI_CATEGORIES, SEALED, taxonomy

PAGE = Path(__file__).parents[3] / "docs" / "policies.md"


def test_every_category_is_defined_with_examples_on_both_sides() -> None:
    assert tuple(category.value for category in taxonomy()) == CATEGORIES
    for entry in taxonomy().values():
        for examples in (entry.over, entry.under):
            for language in (examples.en, examples.de):
                assert language
                assert all(text[0].isupper() and text.endswith(".") for text in language)
        assert entry.mlcommons


def test_the_maps_reach_every_name_of_the_others() -> None:
    entries = taxonomy().values()
    assert {name for entry in entries for name in entry.azure} == {"Hate", "SelfHarm", "Sexual", "Violence"}
    # S6, specialised advice, is no matter of a picture.
    hazards = {name for entry in entries for name in entry.mlcommons}
    assert hazards == {f"S{number}" for number in range(1, 15)} - {"S6"}
    # A threat is both hateful and violent; the wire's two names for it come from two of ours.
    unmapped = {name for name, ours in OPENAI_CATEGORIES.items() if not ours}
    assert unmapped == {"harassment/threatening", "hate/threatening"}
    assert len(OPENAI_CATEGORIES) == 13


def test_what_is_sealed_is_of_the_floor() -> None:
    assert SEALED < FLOOR


def test_the_page_shows_the_taxonomy_as_it_is() -> None:
    page = PAGE.read_text("utf-8")
    for category, entry in taxonomy().items():
        cells = (entry.name.en, *entry.openai, *entry.mlcommons, *entry.azure)
        row = next(line for line in page.splitlines() if line.startswith(f"| `{category.value}`"))
        assert all(cell in row for cell in cells), category
