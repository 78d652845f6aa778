"""``wideload start`` on files that look like published ones, and on somebody's own: no question, no line by hand."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from wideload.datasets.prepared.reader import Prepared
from wideload.datasets.readers.frappe import FIELDS
from wideload.errors import DataError, UsageError
from wideload.harness.cli import cli
from wideload.harness.experiment.experiment import load
from wideload.harness.features.adapter import FeatureColumnAdapter
from wideload.harness.records.results import Results

ROWS = 240
Draw = random.Random


def start(*words: str | Path, text: str | None = None) -> Result:
    arguments = ["start", *map(str, words)]
    return CliRunner().invoke(cli, arguments, input=text, catch_exceptions=False, standalone_mode=False)


def lines(path: Path, rows: Iterable[Iterable[object]], delimiter: str, encoding: str = "utf-8") -> Path:
    path.write_text("".join(delimiter.join(map(str, row)) + "\n" for row in rows), encoding=encoding)
    return path


# ------------------------------------------------------------------------------------------------------- look-alikes


def criteo(folder: Path, draw: Draw) -> Path:
    def row() -> list[str]:
        numbers = ["" if draw.random() < 0.2 else str(draw.randint(-1, 5000)) for _ in range(13)]
        words = ["" if draw.random() < 0.1 else f"{draw.getrandbits(32):08x}" for _ in range(26)]
        return [str(draw.randint(0, 1)), *numbers, *words]

    return lines(folder / "train.txt", (row() for _ in range(ROWS)), "\t")


def avazu(folder: Path, draw: Draw) -> Path:
    names = "id,click,hour,C1,banner_pos,site_id,site_domain,site_category,app_id,app_domain,app_category,device_id"
    names += ",device_ip,device_model,device_type,device_conn_type,C14,C15,C16,C17,C18,C19,C20,C21"

    def row(number: int) -> list[object]:
        words = [f"{draw.randint(1, 90):08x}" for _ in range(9)]
        tail = [draw.randint(0, 1), draw.randint(0, 3), *(draw.choice([-1, 320, 1722]) for _ in range(8))]
        stamp = 14102100 + number * 24 // ROWS
        return [10**18 + number, draw.randint(0, 1), stamp, 1005, draw.randint(0, 1), *words, *tail]

    return lines(folder / "train.csv", [names.split(","), *(row(number) for number in range(ROWS))], ",")


def movielens_1m(folder: Path, draw: Draw) -> Path:
    place = folder / "ml-1m"
    place.mkdir()
    lines(place / "movies.dat", [(1, "Amélie (2001)", "Comedy|Romance"), (2, "Heat (1995)", "Crime")], "::", "latin-1")
    lines(place / "users.dat", [(n, "FM"[n % 2], 25, n % 20, "55117") for n in range(1, 30)], "::")
    ratings = [(draw.randint(1, 29), draw.randint(1, 2), draw.randint(1, 5), 978_300_000 + n) for n in range(ROWS)]
    lines(place / "ratings.dat", ratings, "::")
    return place


def talkingdata(folder: Path, draw: Draw) -> Path:
    def row(number: int) -> list[object]:
        when, label = f"2017-11-06 {14 + number // 60}:{number % 60:02d}:00", int(draw.random() < 0.3)
        ids = [
            draw.randint(1, 300_000),
            draw.randint(1, 700),
            draw.randint(0, 3),
            draw.randint(0, 90),
            draw.randint(0, 500),
        ]
        return [*ids, when, when if label else "", label]

    names = ["ip", "app", "device", "os", "channel", "click_time", "attributed_time", "is_attributed"]
    return lines(folder / "train_sample.csv", [names, *(row(number) for number in range(ROWS))], ",")


def ipinyou(folder: Path, draw: Draw) -> Path:
    names = "click weekday hour bidid timestamp logtype ipinyouid useragent IP region city adexchange domain url urlid "
    names += "slotid slotwidth slotheight slotvisibility slotformat slotprice creative bidprice payprice keypage "
    names += "advertiser usertag"

    def row(number: int) -> list[object]:
        tags = ",".join(str(draw.choice([10006, 10063, 13403, 10110])) for _ in range(draw.randint(1, 3)))
        who = [
            draw.choice(["windows_ie", "linux_firefox"]),
            f"110.88.{draw.randint(0, 9)}.*",
            draw.randint(1, 300),
            draw.randint(1, 300),
            1,
            "dd4",
            "u",
            "null",
        ]
        slot = [
            "mm_1",
            draw.choice([300, 728]),
            draw.choice([90, 250]),
            2,
            0,
            draw.randint(0, 200),
            "c1",
            300,
            draw.randint(0, 99),
        ]
        stamp = f"201306060001{number:05d}"
        head = [draw.randint(0, 1), number % 7, number % 24, f"b{number}", stamp, 1, draw.choice(["Vh16", "Vhk7"])]
        return [*head, *who, *slot, "k1", draw.choice([1458, 3358]), tags]

    return lines(folder / "train.log.txt", [names.split(), *(row(number) for number in range(ROWS))], "\t")


def libsvm(folder: Path, draw: Draw) -> Path:
    rows = (
        [draw.randint(0, 1), *(f"{n}:{draw.random():.3f}" for n in sorted(draw.sample(range(90), 5)))]
        for _ in range(ROWS)
    )
    return lines(folder / "a9a.svm", rows, " ")


def frappe_libfm(folder: Path, draw: Draw) -> Path:
    place = folder / "frappe"
    place.mkdir()
    for split in ("train", "validation", "test"):
        rows = ([draw.choice([-1, 1]), *(f"{10 * n + draw.randint(0, 9)}:1" for n in range(10))] for _ in range(ROWS))
        lines(place / f"frappe.{split}.libfm", rows, " ")
    return place


def frappe_parquet(folder: Path, draw: Draw) -> Path:
    columns = {name: [draw.randint(0, 20) for _ in range(ROWS)] for name in FIELDS}
    given = {"label": [draw.randint(0, 1) for _ in range(ROWS)], "split": ["train"] * (ROWS - 40) + ["test"] * 40}
    pq.write_table(pa.table(given | columns), folder / "frappe.parquet")
    return folder / "frappe.parquet"


def obp(folder: Path, draw: Draw) -> Path:
    names = ["", "timestamp", "item_id", "position", "click", "propensity_score"]
    names += [f"user_feature_{n}" for n in range(4)] + [f"user-item_affinity_{n}" for n in range(3)]

    def row(number: int) -> list[object]:
        when = f"2019-11-24 00:{number // 60:02d}:{number % 60:02d}.004101+00:00"
        user = [f"{draw.randint(1, 4) * 7919:032x}" for _ in range(4)]
        shown = [draw.randint(0, 79), draw.randint(1, 3), int(draw.random() < 0.3), 0.04]
        return [number, when, *shown, *user, *(float(draw.randint(0, 2)) for _ in range(3))]

    return lines(folder / "all.csv", [names, *(row(number) for number in range(ROWS))], ",")


def own(folder: Path, draw: Draw) -> Path:
    def row(number: int) -> list[object]:
        tags = draw.sample(["a", "b", "ü"], draw.randint(0, 3))
        weights = ";".join(f"{draw.random():.2f}" for _ in tags)
        when = f"2026-11-{1 + number // 24:02d}T{number % 24:02d}:00:00+01:00"
        name = draw.choice(['"Bücher, neu"', '"Café ""Zoë"""', "本屋"])
        return [
            when,
            2**63 + draw.randint(0, 99),
            name,
            ";".join(tags),
            weights,
            draw.randint(1, 99),
            draw.choice(["yes", "no"]),
        ]

    names = ["seen_at", "user_id", "shop", "tags", "tag_weights", "price", "bought"]
    return lines(folder / "own.csv", [names, *(row(number) for number in range(ROWS))], ",")


@dataclass(frozen=True)
class Case:
    """What must come out: the fields, and the rule by which the rows are split."""

    make: Callable[[Path, Draw], Path]
    fields: str
    split: str
    bounded: bool = False


CASES = [
    Case(criteo, " ".join([*(f"I{n}" for n in range(1, 14)), *(f"C{n}" for n in range(1, 27))]), "hash", True),
    Case(
        avazu,
        "hour site_id site_domain site_category app_id app_domain app_category device_id device_ip device_model "
        "banner_pos device_type device_conn_type C1 C14 C15 C16 C17 C18 C19 C20 C21",
        "time",
        True,
    ),
    Case(movielens_1m, "user_id movie_id genres gender age occupation zip", "time"),
    Case(talkingdata, "ip app device os channel", "time"),
    Case(
        ipinyou,
        "weekday hour ipinyouid useragent IP region city slotwidth slotheight slotprice advertiser usertag",
        "time",
    ),
    Case(libsvm, "features", "hash"),
    Case(frappe_libfm, " ".join(FIELDS), "given"),
    Case(frappe_parquet, " ".join(FIELDS), "given"),
    Case(
        obp,
        "item_id position user_feature_0 user_feature_1 user_feature_2 user_feature_3 "
        "user-item_affinity_0 user-item_affinity_1 user-item_affinity_2",
        "time",
    ),
    Case(own, "user_id shop tags price hour weekday", "time", True),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.make.__name__)
def test_every_layout_becomes_data_and_an_experiment_that_every_strategy_can_train(case: Case, tmp_path: Path) -> None:
    path = case.make(tmp_path, Draw(1))
    result = start(path, "-o", tmp_path / "out", "-s", "local", "-s", "sparse_ps", "--until", "data")
    assert "guessed" not in result.stdout.lower()
    prepared = Prepared(str(tmp_path / "out" / "data"))
    assert [field.name for field in prepared.schema.fields] == case.fields.split()
    origin = prepared.manifest.provenance
    assert (origin.rejected, origin.split) == (0, case.split)
    assert prepared.manifest.rows("test") > 0
    columns = load(tmp_path / "out" / "experiment.toml").workload.columns
    assert (columns.auto_buckets is not None) == case.bounded
    FeatureColumnAdapter(columns, prepared.schema, keys="ids")  # refuses what horovod could not train


@pytest.mark.mpi
@pytest.mark.slow
def test_start_ends_with_a_report(tmp_path: Path) -> None:
    path = own(tmp_path, Draw(1))
    out = tmp_path / "out"
    result = start(path, "-o", out, "-s", "local", "-s", "sparse_ps", "--yes")
    assert result.return_value == 0, result.stdout
    assert result.stdout.splitlines()[-1].startswith(str(out / "run" / "report.html"))
    runs = Results.read(out / "run").runs
    assert {(run.strategy, run.status) for run in runs} == {("local", "ok"), ("sparse_ps", "ok")}
    assert {run.parity for run in runs if run.strategy == "sparse_ps"} == {"pass"}


def test_it_prints_the_commands_that_it_calls(tmp_path: Path) -> None:
    path = own(tmp_path, Draw(1))
    result = start(path, "-o", tmp_path / "out", "-s", "local", "--until", "data")
    (line,) = re.findall(r"^\$ wideload (.*)$", result.stdout, re.MULTILINE)
    again = CliRunner().invoke(cli, line.split(), catch_exceptions=False, standalone_mode=False)
    assert "240 rows in, 240 out" in again.stdout


def test_files_that_are_there_are_kept(tmp_path: Path) -> None:
    path = own(tmp_path, Draw(1))
    out = tmp_path / "out"
    start(path, "-o", out, "--until", "layout")
    layout = (out / "layout.toml").read_text().replace('name = "price"\nkind = "number"', 'name = "price"\nkind = "id"')
    (out / "layout.toml").write_text(layout)
    (out / "experiment.toml").write_text('strategies = ["local"]\n[workload]\ndataset = "census"\n')
    result = start(path, "-o", out, "--until", "data")
    assert result.stdout.count("kept as it is") == 2
    assert Prepared(str(out / "data")).schema.field("price").kind == "categorical"
    assert load(out / "experiment.toml").workload.dataset == "census"


def test_on_a_terminal_it_asks_what_it_would_guess(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ([draw % 2, int(draw % 5 == 0), draw % 7 + 100] for draw in range(ROWS))
    path = lines(tmp_path / "t.csv", [["seen", "ordered", "q"], *rows], ",")
    monkeypatch.setattr("wideload.harness.cli.start.on_a_terminal", lambda: True)
    result = start(path, "-o", tmp_path / "out", "--until", "layout", text="ordered\nnumber\nnumber\n")
    assert "Which column is the label?" in result.stdout
    layout = tomllib.loads((tmp_path / "out" / "layout.toml").read_text())
    assert layout["label"]["column"] == "ordered"
    assert {field["name"]: field["kind"] for field in layout["field"]} == {"seen": "id", "q": "number"}
    answered = start(path, "-o", tmp_path / "other", "--yes", "--until", "layout")
    assert "Guessed, and marked with `?`: seen, q." in answered.stdout


def test_so_many_bad_rows_that_the_layout_must_be_wrong_stop_it(tmp_path: Path) -> None:
    path = lines(tmp_path / "t.csv", [["click", "n"], *([n % 2, n % 7] for n in range(ROWS))], ",")
    out = tmp_path / "out"
    start(path, "-o", out, "--until", "layout")
    lines(path, [["click", "n"], *([n % 2, "?" if n % 3 == 0 else n % 7] for n in range(ROWS))], ",")
    with pytest.raises(DataError, match=r"80 of 240 rows are bad.*delete"):
        start(path, "-o", out, "-s", "local", "--until", "data")


def test_a_folder_that_no_data_set_could_be_named_after_is_refused(tmp_path: Path) -> None:
    path = lines(tmp_path / "a,b.csv", [["click", "n"], *([n % 2, n % 7] for n in range(ROWS))], ",")
    with pytest.raises(UsageError, match="commas and brackets"):
        start(path)


def test_kinds_are_given_as_pairs(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["start", str(own(tmp_path, Draw(1))), "--kind", "price"])
    assert "expected COLUMN=KIND" in result.stderr
