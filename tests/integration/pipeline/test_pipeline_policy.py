"""What the policy is told of a request, and what is kept of its decision."""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest

from guard.pipeline.replay import replay
from guard.pipeline.submit import RefusedError, Submission, submit
from guard.services import Placement
from guard.store import get_decision
from policies import Context
from tests.house import MODEL, House

PROMPT = "A documentary shows a beheading in the French Revolution."


def test_audience_and_regions_of_the_tenant_decide_and_are_kept(house: House) -> None:
    held = house.video(house.submit(PROMPT))
    assert held.hold == "prompt"
    placed = dataclasses.replace(
        house.services, placements={"default": Placement(audience="under_18", regions=("KR", "EU"))}
    )
    request = Submission(house.tenant, PROMPT, MODEL, 2, "640x360", seed=1)
    with pytest.raises(RefusedError) as refused:
        submit(placed, house.engine, request)
    with house.services.database.read() as session:
        kept = get_decision(session, refused.value.decision_id)
    assert kept.reason == "rule.under_18.graphic"
    assert kept.details["overlays"] == ["audience.under_18", "region.eu", "region.kr"]
    assert Context.model_validate(kept.details["context"]) == Context(
        audience="under_18", regions=("KR", "EU"), tenant="default"
    )
    assert kept.details["severities"]["violence_gore"] in ("medium", "high")
    (match,) = [match for match in kept.details["matches"] if match["rule"] == "under_18.graphic"]
    assert [PROMPT[span["start"] : span["end"]] for span in match["spans"]] == ["beheading"]
    assert "beheading" not in str(kept.details)
    assert kept.details["operator_text"]
    assert kept.details["user_text"]["de"]


def test_others_are_placed_as_the_settings_say_for_all(house: House) -> None:
    services = dataclasses.replace(
        house.services, placement=Placement(regions=("CN",)), placements={"other": Placement("adult_only")}
    )
    assert services.context(house.tenant, medium="image") == Context(
        regions=("CN",), tenant="default", medium="image"
    )


def test_what_is_decided_again_is_decided_under_its_own_circumstances(house: House) -> None:
    """Under the very policy it was decided by, nothing changes, whatever the circumstances were."""
    placed = dataclasses.replace(house.services, placements={"default": Placement("under_18")})
    with pytest.raises(RefusedError) as refused:
        submit(placed, house.engine, Submission(house.tenant, PROMPT, MODEL, 2, "640x360", seed=2))
    with house.services.database.read() as session:
        since = get_decision(session, refused.value.decision_id).created
    services, skipped = house.services, Counter[str]()
    (found,) = replay(services.database, services.vault, services.judge, since=since, skipped=skipped)
    assert (found.before, found.after, found.changed) == ("block", "block", False)
    assert (found.reason_before, found.reason_after) == ("rule.under_18.graphic",) * 2
    assert skipped == Counter()
