"""Workloads that are the same problem have the same fingerprint, in records of any age."""

from wideload.harness.workload.columns import Columns
from wideload.harness.workload.workload import Workload


def test_a_workload_without_auto_buckets_has_the_fingerprint_of_earlier_records() -> None:
    assert Workload(dataset="census").fingerprint == "30ede1604b63b35e"
    assert Workload(dataset="census", columns=Columns(exclude=("age",))).fingerprint == "f32d3e63f01babe7"


def test_auto_buckets_are_part_of_the_workload() -> None:
    limits = (None, 1000, 1001)
    assert len({Workload(dataset="census", columns=Columns(auto_buckets=limit)).fingerprint for limit in limits}) == 3
