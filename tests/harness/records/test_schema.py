"""A record is made of typed parts."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from wideload.harness.records.schema import Ending, Identity, Memory, ParityVerdict, Quality, RunRecord, Training

IDENTITY = Identity(
    case_id="a", strategy="local", dataset="census", ranks=2, processes=1, threads=2, repeat=0, batch_size=64
)
PARTS = (Identity, Ending, Training, Memory, Quality, ParityVerdict)


def test_a_record_has_the_fields_of_its_parts_and_no_others() -> None:
    fields = [name for part in PARTS for name in part.model_fields]
    assert len(fields) == len(set(fields)), "two parts hold one field"
    assert set(RunRecord.model_fields) == set(fields)


def test_a_record_holds_what_its_parts_hold() -> None:
    run = RunRecord.of(IDENTITY, Ending(status="ok"), Training(steps=3), Quality(auc=0.5))
    assert (run.case_id, run.status, run.steps, run.auc, run.peak_rss_bytes) == ("a", "ok", 3, 0.5, None)


def test_a_part_can_be_replaced() -> None:
    run = RunRecord.of(IDENTITY, Ending(status="ok"), ParityVerdict(parity="pass", parity_max=1e-9))
    other = run.replacing(ParityVerdict(parity="fail", parity_max=0.5))
    assert (other.parity, other.parity_max) == ("fail", 0.5)
    assert other.replacing(ParityVerdict(parity="pass", parity_max=1e-9)) == run


def test_a_value_of_the_wrong_type_is_refused_where_the_part_is_made() -> None:
    with pytest.raises(ValidationError, match="peak_rss_bytes"):
        Memory.model_validate({"peak_rss_bytes": "many"})
