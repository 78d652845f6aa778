"""What every data set promises (:mod:`wideload.datasets.contract`), as tests; see :mod:`wideload.testing`."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, ClassVar, get_args

import pyarrow as pa
import pytest

from wideload.datasets import find, load
from wideload.datasets.contract import Dataset, Field, Plan, Split
from wideload.errors import UnknownNameError
from wideload.options import Spec

FEW = 6
"""Batches that are compared where not a whole epoch is."""
PATIENCE = 5.0
"""Seconds that a thread may take to end."""

Rows = list[str]
"""One text an example, so that numbers that are NaN compare as equal."""


class DatasetContract:
    """Subclasses set ``dataset``, or override the fixture ``loaded`` where the name depends on a folder."""

    dataset: ClassVar[str]
    """``name[option=value]``: what is tested. A data set of a few thousand examples makes the tests quick."""
    largest_epoch: ClassVar[int] = 100_000
    """Tests that read a whole epoch are skipped for larger training splits."""

    @pytest.fixture
    def loaded(self) -> Dataset:
        """The data set that is tested."""
        return load(self.dataset)

    @pytest.fixture
    def small(self, loaded: Dataset) -> Dataset:
        """The same, where whole epochs may be read."""
        if loaded.size("train") > self.largest_epoch:
            pytest.skip(f"{loaded.size('train'):,} training examples; an epoch of {self.largest_epoch:,} is tested")
        return loaded

    def test_its_name_is_the_one_it_is_found_by(self, loaded: Dataset) -> None:
        assert find(loaded.name) is type(loaded)

    def test_it_has_a_summary(self, loaded: Dataset) -> None:
        assert loaded.summary

    def test_an_unknown_option_names_the_nearest(self, loaded: Dataset) -> None:
        known = next(iter(loaded.Options.model_fields), "")
        with pytest.raises(UnknownNameError, match=f"Did you mean '{known}'" if known else "unknown"):
            Spec.parse(f"{loaded.name}[{known}x=1]").options(loaded.Options)

    def test_it_has_training_examples(self, loaded: Dataset) -> None:
        assert loaded.size("train") > 0

    def test_a_split_without_examples_is_empty(self, loaded: Dataset) -> None:
        for split in get_args(Split):
            if loaded.size(split) == 0:
                assert list(loaded.stream(split, Plan(10))) == []

    @pytest.mark.parametrize("ranks", [2, 3, 7])
    def test_shares_of_all_ranks_make_the_same_global_batches(self, loaded: Dataset, ranks: int) -> None:
        size = batch_size(loaded)
        alone = islice(loaded.stream("train", Plan(size, seed=5)), FEW)
        shares = [loaded.stream("train", Plan(size, rank, ranks, seed=5)) for rank in range(ranks)]
        for whole in alone:
            assert rows(next(share) for share in shares) == rows([whole])

    def test_a_share_is_as_large_as_the_plan_says(self, loaded: Dataset) -> None:
        size = batch_size(loaded)
        for rank in range(3):
            plan = Plan(size, rank, ranks=3, seed=1)
            begin, end = plan.share(size)
            assert next(iter(loaded.stream("train", plan))).num_rows == end - begin

    def test_a_batch_smaller_than_the_job_gives_some_ranks_nothing(self, loaded: Dataset) -> None:
        streams = (loaded.stream("train", Plan(2, rank, 4, seed=1)) for rank in range(4))
        assert [next(iter(stream)).num_rows for stream in streams] == [1, 1, 0, 0]

    def test_an_epoch_visits_every_example_once(self, small: Dataset) -> None:
        size = batch_size(small)
        stored, shuffled = (rows(small.stream("train", Plan(size, seed=seed))) for seed in (None, 3))
        assert len(stored) == small.size("train")
        assert sorted(stored) == sorted(shuffled)
        assert stored != shuffled

    def test_seeds_and_epochs_decide_the_order_alone(self, loaded: Dataset) -> None:
        size = batch_size(loaded)
        first = few(loaded, Plan(size, seed=3))
        assert first == few(loaded, Plan(size, seed=3))
        assert first != few(loaded, Plan(size, seed=3, epoch=1))
        assert first != few(loaded, Plan(size, seed=4))

    @pytest.mark.parametrize("seed", [None, 9])
    def test_a_stream_resumes_at_any_step(self, small: Dataset, seed: int | None) -> None:
        size = batch_size(small)
        whole = list(small.stream("train", Plan(size, 1, 2, seed)))
        for start in {1, len(whole) // 2, len(whole) - 1, len(whole)}:
            rest = small.stream("train", Plan(size, 1, 2, seed, start=start))
            assert [rows([batch]) for batch in rest] == [rows([batch]) for batch in whole[start:]]

    def test_a_short_last_batch_is_kept_or_dropped(self, small: Dataset) -> None:
        examples, size = small.size("train"), batch_size(small)
        full, short = divmod(examples, size)
        kept = [batch.num_rows for batch in small.stream("train", Plan(size, seed=1))]
        dropped = [batch.num_rows for batch in small.stream("train", Plan(size, seed=1, last="drop"))]
        assert dropped == [size] * full
        assert kept == [size] * full + [short] * bool(short)

    def test_columns_have_the_names_and_types_of_the_contract(self, loaded: Dataset) -> None:
        schema = loaded.schema()
        batch = next(iter(loaded.stream("train", Plan(64))))
        weights = [field.weights for field in schema.fields if field.weights is not None]
        assert batch.schema.names == [schema.label, *(field.name for field in schema.fields), *weights]
        assert batch.schema.field(schema.label).type == pa.float32()
        for field in schema.fields:
            check_column(field, batch[field.name])
        for name in weights:
            assert batch.schema.field(name).type == pa.list_(pa.float32())

    def test_ids_are_below_their_cardinality(self, loaded: Dataset) -> None:
        for batch in islice(loaded.stream("train", Plan(500)), FEW):
            for field in loaded.schema().fields:
                if field.cardinality is not None:
                    values = values_of(field, batch[field.name]).drop_null().to_numpy()
                    assert ((values >= 0) & (values < field.cardinality)).all(), field.name

    def test_labels_are_zero_or_one(self, loaded: Dataset) -> None:
        for batch in islice(loaded.stream("train", Plan(500)), FEW):
            assert set(batch[loaded.schema().label].to_pylist()) <= {0.0, 1.0}

    def test_streams_that_are_read_in_turn_do_not_disturb_each_other(self, loaded: Dataset) -> None:
        size = batch_size(loaded)
        plans = [Plan(size, seed=1), Plan(size, seed=2)]
        alone = [few(loaded, plan) for plan in plans]
        streams = [iter(loaded.stream("train", plan)) for plan in plans]
        turns = [[next(stream, None) for stream in streams] for _ in range(FEW)]
        found = [rows(batch for batch in column if batch is not None) for column in zip(*turns, strict=True)]
        assert found == alone

    def test_streams_may_be_read_by_several_threads(self, loaded: Dataset) -> None:
        size = batch_size(loaded)
        plans = [Plan(size, rank, 4, seed=1) for rank in range(4)]
        with ThreadPoolExecutor(len(plans)) as threads:
            found = list(threads.map(lambda plan: few(loaded, plan), plans))
        assert found == [few(loaded, plan) for plan in plans]

    def test_a_stream_left_early_leaves_no_thread(self, loaded: Dataset) -> None:
        before = set(threading.enumerate())
        stream = loaded.stream("train", Plan(batch_size(loaded), seed=1))
        next(iter(stream))
        if isinstance(stream, Iterator) and hasattr(stream, "close"):
            stream.close()
        del stream
        deadline = time.monotonic() + PATIENCE
        while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not left

    def test_a_fingerprint_is_sixteen_hex_digits_and_stays(self, loaded: Dataset) -> None:
        found = loaded.fingerprint()
        assert len(found) == 16
        assert set(found) <= set("0123456789abcdef")
        assert type(loaded)(loaded.options).fingerprint() == found

    def test_a_known_best_auc_is_one(self, loaded: Dataset) -> None:
        for split in get_args(Split):
            best = loaded.best_auc(split) if loaded.size(split) else None
            assert best is None or 0.5 <= best <= 1


def batch_size(dataset: Dataset) -> int:
    """Of global batches: several an epoch, and the last of an epoch is short."""
    examples = dataset.size("train")
    size = max(2, min(200, examples // 7))
    return size if examples % size else size + 1


def rows(batches: Iterable[pa.RecordBatch]) -> Rows:
    """The examples of batches, in order."""
    return [repr(row) for batch in batches for row in batch.to_pylist()]


def few(dataset: Dataset, plan: Plan) -> Rows:
    """The examples of the first batches."""
    return rows(islice(dataset.stream("train", plan), FEW))


def values_of(field: Field, column: Any) -> Any:
    """All values of a column, whether examples have one or several."""
    return column.flatten() if field.multi_valued else column


def check_column(field: Field, column: Any) -> None:
    """Compares the type and the nulls of a column with the schema."""
    assert pa.types.is_list(column.type) == field.multi_valued, field.name
    assert not (field.multi_valued and column.null_count), f"{field.name}: a list is null"
    inner = column.type.value_type if field.multi_valued else column.type
    text = pa.dictionary(pa.int32(), pa.string())
    if field.kind == "numeric":
        assert inner == pa.float32(), field.name
    elif field.vocabulary is not None:
        assert inner == text, field.name
        assert tuple(values_of(field, column).dictionary.to_pylist()) == field.vocabulary
    else:
        assert inner in (pa.int64(), text), field.name
