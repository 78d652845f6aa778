"""Census Income as it ships with the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wideload.datasets import load
from wideload.datasets.contract import Dataset, Plan


@pytest.fixture(scope="module")
def census() -> Dataset:
    return load("census")


def test_the_original_split_is_kept(census: Dataset) -> None:
    assert (census.size("train"), census.size("test"), census.size("validation")) == (32_561, 16_281, 0)


@pytest.mark.parametrize(("split", "positives"), [("train", 7_841), ("test", 3_846)])
def test_labels_are_incomes_above_fifty_thousand(census: Dataset, split: str, positives: int) -> None:
    labels = np.concatenate([batch["label"].to_numpy() for batch in census.stream(split, Plan(5000))])  # type: ignore[arg-type]
    assert int(labels.sum()) == positives


def test_fields_are_the_five_numbers_and_eight_categories_of_the_tutorial(census: Dataset) -> None:
    fields = census.schema().fields
    assert [field.name for field in fields if field.kind == "numeric"] == [
        "age",
        "education_num",
        "capital_gain",
        "capital_loss",
        "hours_per_week",
    ]
    sizes = {field.name: len(field.vocabulary or ()) for field in fields if field.kind == "categorical"}
    assert sizes == {
        "workclass": 9,
        "education": 16,
        "marital_status": 7,
        "occupation": 15,
        "relationship": 6,
        "race": 5,
        "gender": 2,
        "native_country": 42,
    }


def test_a_missing_category_is_a_value_of_its_own(census: Dataset) -> None:
    assert "?" in (census.schema().field("workclass").vocabulary or ())
    nulls = sum(batch["workclass"].null_count for batch in census.stream("test", Plan(5000)))
    assert nulls == 0


def test_vocabularies_begin_with_the_most_frequent_value(census: Dataset) -> None:
    assert (census.schema().field("workclass").vocabulary or ())[:2] == ("Private", "Self-emp-not-inc")


def test_moments_are_those_of_the_training_split(census: Dataset) -> None:
    ages = np.concatenate([batch["age"].to_numpy() for batch in census.stream("train", Plan(5000))])
    age = census.schema().field("age")
    assert age.mean == pytest.approx(ages.astype(np.float64).mean())
    assert age.std == pytest.approx(ages.astype(np.float64).std())


def test_licence_and_citation_lie_beside_the_data() -> None:
    import wideload.datasets.census as module

    text = (Path(module.__file__).with_name("census_income") / "README.md").read_text()
    assert "CC BY 4.0" in text
    assert "Becker" in text
    assert "Kohavi" in text
    assert "10.24432/C5XW20" in text


def test_the_best_possible_auc_is_unknown(census: Dataset) -> None:
    assert census.best_auc("test") is None
