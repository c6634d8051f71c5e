from __future__ import annotations

from typing import Any

import pytest

from guard.api import fields
from guard.api.errors import ApiError

VIDEO = "video_01m84rgfqn6f4eh2hkyyz0sd80"


@pytest.mark.parametrize(("value", "expected"), [(4, 4), ("4", 4), ("0", 0), (None, None)])
def test_whole_numbers(value: Any, expected: int | None) -> None:
    assert fields.whole({"seconds": value}, "seconds") == expected


@pytest.mark.parametrize("value", [True, 4.0, "4.0", "-1", -1, "٤", "9" * 30, 2**31, [4], {}])
def test_what_is_no_whole_number(value: Any) -> None:
    with pytest.raises(ApiError) as caught:
        fields.whole({"seconds": value}, "seconds")
    assert caught.value.param == "seconds"


@pytest.mark.parametrize("value", [1, ["a"], {"a": "b"}, True])
def test_what_is_no_text(value: Any) -> None:
    with pytest.raises(ApiError) as caught:
        fields.required_text({"prompt": value}, "prompt")
    assert caught.value.code == "invalid_type"


@pytest.mark.parametrize("value", ["a\x00b", "\ud800", "b\udfff"])
def test_a_text_that_no_database_takes(value: str) -> None:
    with pytest.raises(ApiError) as caught:
        fields.text({"note": value}, "note", most=10)
    assert (caught.value.code, caught.value.param) == ("invalid_value", "note")
    assert fields.text({"prompt": value}, "prompt") == value  # which the policy's own error says more about


def test_a_text_that_is_missing_and_one_that_is_empty() -> None:
    with pytest.raises(ApiError) as caught:
        fields.required_text({}, "prompt")
    assert caught.value.code == "missing_required_parameter"
    assert fields.required_text({"prompt": ""}, "prompt") == ""


def test_unknown_fields_are_refused_without_repeating_them() -> None:
    with pytest.raises(ApiError) as caught:
        fields.only_known({"prompt": "x", "zebra": "y"}, ("prompt",))
    assert caught.value.code == "unknown_parameter"
    assert "zebra" not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    ["", "video_", "video_x", VIDEO.upper(), VIDEO + "0", VIDEO + "\0", "review" + VIDEO[5:], "../etc"],
)
def test_what_cannot_be_an_id_is_not_found(value: str) -> None:
    with pytest.raises(ApiError) as caught:
        fields.identifier(value, "video")
    assert caught.value.status == 404


def test_an_id() -> None:
    assert fields.identifier(VIDEO, "video") == VIDEO
    assert fields.identifier(VIDEO, "release", also=("video",)) == VIDEO
