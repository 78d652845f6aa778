"""Every format is read from a generated file: what a row becomes."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wideload.datasets.readers import READERS, find
from wideload.datasets.readers.contract import ROW, SPLIT, TIME, Reader
from wideload.datasets.readers.crc32c import crc32c
from wideload.datasets.readers.example import decode
from wideload.datasets.readers.layout import load_layout
from wideload.datasets.text.blocks import Position
from wideload.errors import DataError, UnknownNameError, UsageError
from wideload.options import validate


def reader(name: str, path: Path, **options: object) -> Reader:
    found = find(name)
    return found(str(path), validate(found.Options, options, name))


def rows(reader: Reader) -> list[dict]:
    return [row for source in reader.sources() for block in reader.blocks(source, Position()) for row in _rows(block)]


def _rows(block: object) -> list[dict]:
    return block.table.to_pylist()  # type: ignore[attr-defined,no-any-return]


def rejects(reader: Reader) -> list[tuple[int, str]]:
    found = [one for source in reader.sources() for block in reader.blocks(source, Position()) for one in block.rejects]
    return [(reject.line, reject.reason) for reject in found]


@pytest.mark.parametrize("name", ["day_0", "train.txt", "logs.tsv.gz"])
def test_criteo_files_are_tab_separated_words(tmp_path: Path, criteo_lines: Callable[..., bytes], name: str) -> None:
    content = criteo_lines(50)
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    found = rows(reader("criteo", tmp_path))
    first = content.decode().split("\n")[0].split("\t")
    assert len(found) == 50
    assert found[0]["label"] == float(first[0])
    assert [found[0][f"I{n}"] for n in range(1, 14)] == [float(cell) if cell else None for cell in first[1:14]]
    assert [found[0][f"C{n}"] for n in range(1, 27)] == [int(cell, 16) if cell else None for cell in first[14:]]


def test_the_days_of_criteo_are_read_in_order(tmp_path: Path, criteo_lines: Callable[..., bytes]) -> None:
    for day in (1, 0, 2):
        (tmp_path / f"day_{day}").write_bytes(criteo_lines(3, seed=day))
    assert [Path(source).name for source in reader("criteo", tmp_path).sources()] == ["day_0", "day_1", "day_2"]


def test_avazu_keeps_the_hour_of_the_day_and_the_time(tmp_path: Path) -> None:
    names = (
        "id,click,hour,C1,banner_pos,site_id,site_domain,site_category,app_id,app_domain,app_category,device_id,"
        "device_ip,device_model,device_type,device_conn_type,C14,C15,C16,C17,C18,C19,C20,C21"
    )
    row = (
        "1000009418151094273,1,14102123,1005,0,1fbe01fe,f3845767,28905ebd,ecad2386,7801e8d9,07d7df22,a99f214a,"
        "ddd2926e,44956a24,1,2,15706,320,50,1722,0,35,-1,79"
    )
    (tmp_path / "train.csv").write_text(f"{names}\n{row}\n")
    (found,) = rows(reader("avazu", tmp_path))
    assert (found["label"], found["hour"], found[TIME]) == (1.0, 23, 14102123)
    assert (found["site_id"], found["C20"], found["device_type"]) == (0x1FBE01FE, -1, 1)
    assert len(found) == 24


def movielens_100k(folder: Path) -> None:
    flags = "|".join("1" if index in (1, 5) else "0" for index in range(19))
    (folder / "u.data").write_bytes(b"196\t242\t3\t881250949\n186\t302\t4\t891717742\n1\t9\t5\t1\n")
    (folder / "u.item").write_bytes(
        f"242|Caf\xe9 (1996)|1-Jan-1996||http://x|{flags}\n302|B|||u|{flags}\n".encode("latin-1")
    )
    (folder / "u.user").write_bytes(b"196|49|M|writer|55105\n186|39|F|executive|00000\n")


def movielens_1m(folder: Path) -> None:
    (folder / "ratings.dat").write_bytes(b"196::242::3::881250949\n186::302::4::891717742\n1::9::5::1\n")
    (folder / "movies.dat").write_bytes("242::Caf\xe9 (1996)::Action|Comedy\n302::B::Action|Comedy\n".encode("latin-1"))
    (folder / "users.dat").write_bytes(b"196::M::49::writer::55105\n186::F::39::executive::00000\n")


def movielens_20m(folder: Path) -> None:
    (folder / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n196,242,3.5,881250949\n186,302,4.0,891717742\n1,9,5.0,1\n"
    )
    (folder / "movies.csv").write_text(
        'movieId,title,genres\n242,"Cafe, The (1996)",Action|Comedy\n302,B,Action|Comedy\n'
    )


@pytest.mark.parametrize("write", [movielens_100k, movielens_1m, movielens_20m])
def test_movielens_layouts_give_the_same_rows(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path)
    found = rows(reader("movielens", tmp_path))
    assert [row["label"] for row in found] == [0.0, 1.0, 1.0]
    assert [row["user_id"] for row in found] == [196, 186, 1]
    assert [row["genres"] for row in found] == [["Action", "Comedy"], ["Action", "Comedy"], None]
    assert [row[TIME] for row in found] == [881250949, 891717742, 1]
    if write is not movielens_20m:
        assert [row["gender"] for row in found] == ["M", "F", None]
        assert [row["age"] for row in found] == ["49", "39", None]


def test_the_rating_that_counts_as_positive_is_an_option(tmp_path: Path) -> None:
    movielens_20m(tmp_path)
    assert [row["label"] for row in rows(reader("movielens", tmp_path, positive_from=3.5))] == [1.0, 1.0, 1.0]
    with pytest.raises(UsageError, match="positive_from"):
        reader("movielens", tmp_path, positive_from=9)


def test_a_folder_that_is_no_movielens_release_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"u\.data, ratings\.dat, ratings\.csv"):
        reader("movielens", tmp_path).sources()


def test_a_joined_movielens_file_has_its_genres_split(tmp_path: Path) -> None:
    file = tmp_path / "joined.csv"
    file.write_text('user_id,movie_id,rating,timestamp,title,genres\n1,2,5,7,"A, B",Drama|War\n1,3,1,8,C,\n')
    assert [row["genres"] for row in rows(reader("movielens", file))] == [["Drama", "War"], []]


@pytest.mark.parametrize("style", ["plain", "quoted", "spaces"])
def test_a_joined_header_may_be_quoted_or_spaced(tmp_path: Path, style: str) -> None:
    names = ["user_id", "movie_id", "rating", "timestamp", "title", "genres", "gender", "age"]
    if "quote" in style:
        names = [f'"{name}"' for name in names]
    file = tmp_path / "joined.csv"
    file.write_text((", " if style == "spaces" else ",").join(names) + '\n1,2,5,7,"A, B",Drama|War,F,25\n')
    (found,) = rows(reader("movielens", file))
    assert (found["genres"], found["gender"], found["age"]) == (["Drama", "War"], "F", "25")


def test_headers_in_another_order_are_followed(tmp_path: Path, criteo_lines: Callable[..., bytes]) -> None:
    names = ["label", *(f"I{n}" for n in range(1, 14)), *(f"C{n}" for n in range(1, 27))]
    cells = [line.split(b"\t") for line in criteo_lines(5).splitlines()]
    for name, order in (("a.csv", range(40)), ("b.csv", range(39, -1, -1))):
        lines = [",".join(names[n] for n in order).encode(), *(b",".join(row[n] for n in order) for row in cells)]
        (tmp_path / name).write_bytes(b"\n".join(lines))
    assert rows(reader("criteo", tmp_path / "a.csv")) == rows(reader("criteo", tmp_path / "b.csv"))


@pytest.mark.parametrize("quote", ["", '"'])
def test_census_with_a_header_quoted_or_not(tmp_path: Path, quote: str) -> None:
    names = (
        "age,workclass,fnlwgt,education,education-num,marital-status,occupation,relationship,race,gender,"
        "capital-gain,capital-loss,hours-per-week,native-country,income"
    )
    head = ",".join(f"{quote}{name}{quote}" for name in names.split(","))
    row = "39,State-gov,77516,Bachelors,13,Never-married,?,Not-in-family,White,Male,2174,0,40,Cuba,>50K"
    (tmp_path / "adult.csv").write_text(f"{head}\n{row}\n")
    found = reader("census", tmp_path / "adult.csv")
    assert [(row["label"], row["age"]) for row in rows(found)] == [(1.0, 39.0)]
    assert rejects(found) == []


def test_frappe_is_ids_with_a_split(tmp_path: Path) -> None:
    names = ("user", "item", "daytime", "weekday", "isweekend", "homework", "cost", "weather", "country", "city")
    columns = {name: pa.array([3, 4], pa.int32()) for name in names}
    pq.write_table(pa.table({"label": [1, 0], **columns, "split": ["train", "test"]}), tmp_path / "frappe.parquet")
    found = rows(reader("frappe", tmp_path))
    assert [(row["label"], row["city"], row[SPLIT], row[ROW]) for row in found] == [
        (1.0, 3, "train", 1),
        (0.0, 4, "test", 2),
    ]


def test_census_files_as_published(tmp_path: Path) -> None:
    row = "39, State-gov, 77516, Bachelors, 13, Never-married, ?, Not-in-family, White, Male, 2174, 0, 40, Cuba, "
    (tmp_path / "adult.data").write_text(f"{row}<=50K\n{row}>50K\n\n")
    (tmp_path / "adult.test").write_text(f"|1x3 Cross validator\n{row}>50K.\n\n")
    found = reader("census", tmp_path)
    assert [row["label"] for row in rows(found)] == [0.0, 1.0, 1.0]
    assert {row["occupation"] for row in rows(found)} == {"?"}
    assert rejects(found) == []
    assert [found.split_of(source) for source in found.sources()] == ["train", "test"]


LAYOUT = """
format = "csv"
delimiter = ";"
missing = ["NA"]
time = "ts"
[label]
column = "bought"
positive = ["yes"]
allowed = ["no"]
[[field]]
name = "price"
kind = "number"
[[field]]
name = "shop"
column = "Shop"
kind = "text"
[[field]]
name = "tags"
kind = "integer"
separator = "|"
"""


def custom(tmp_path: Path, layout: str, name: str, content: bytes) -> Reader:
    (tmp_path / "layout.toml").write_text(layout)
    (tmp_path / name).write_bytes(content)
    return reader("custom", tmp_path / name, layout=tmp_path / "layout.toml")


def test_any_csv_by_a_layout(tmp_path: Path) -> None:
    content = b'Shop;ts;price;tags;bought;rest\n"A; B";5;1.5;1|2|;yes;x\nNA;6;NA;;no;x\n'
    found = rows(custom(tmp_path, LAYOUT, "log.csv", content))
    assert found == [
        {"label": 1.0, "price": 1.5, "shop": "A; B", "tags": [1, 2], TIME: 5},
        {"label": 0.0, "price": None, "shop": None, "tags": [], TIME: 6},
    ]


def test_bad_cells_are_bad_rows_with_line_column_and_reason(tmp_path: Path) -> None:
    content = (
        b"Shop;ts;price;tags;bought\nA;5;cheap;;yes\nA;5;1;;perhaps\nA;5;1;1|x;no\nA;5;1;;\nA;5;1;;no\nA;then;1;;no\n"
    )
    assert rejects(custom(tmp_path, LAYOUT, "log.csv", content)) == [
        (2, "column 'price': not a number"),
        (3, "column 'bought': unknown label"),
        (4, "column 'tags': not an integer"),
        (5, "column 'bought': the label is missing"),
        (7, "column 'ts': not a time"),
    ]


def test_a_header_without_a_column_of_the_layout_names_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no column 'ts'\. It has: Shop, price"):
        rows(custom(tmp_path, LAYOUT, "log.csv", b"Shop;price;tags;bought\n"))


def test_labels_must_be_zero_or_one_without_a_rule(tmp_path: Path) -> None:
    layout = 'header = false\n[label]\ncolumn = 0\n[[field]]\nname = "x"\ncolumn = 1\nkind = "id"\n'
    found = custom(tmp_path, layout, "log.csv", b"1,4\n0.0,5\n2,6\n1,-7\n")
    assert [row["x"] for row in rows(found)] == [4, 5]
    assert [line for line, _ in rejects(found)] == [3, 4]


PARQUET_LAYOUT = """
format = "parquet"
[label]
column = "y"
at_least = 3
[[field]]
name = "ids"
kind = "id"
multi_valued = true
weights = "w"
[[field]]
name = "name"
"""


def test_any_parquet_by_a_layout(tmp_path: Path) -> None:
    table = pa.table(
        {
            "y": [5, 1, None, 4],
            "ids": [[1], [], [2], [3, -1]],
            "w": [[1.5], [], [1.0], [1.0, 2.0]],
            "name": list("abcd"),
        }
    )
    pq.write_table(table, tmp_path / "log.parquet")
    found = custom(tmp_path, PARQUET_LAYOUT, "log.parquet", (tmp_path / "log.parquet").read_bytes())
    assert rows(found) == [
        {"label": 1.0, "ids": [1], "name": "a", "w": [1.5]},
        {"label": 0.0, "ids": [], "name": "b", "w": []},
    ]
    assert rejects(found) == [(3, "column 'y': the label is missing"), (4, "column 'ids': an id is negative")]


def test_a_file_that_is_not_parquet_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"log\.parquet is not readable Parquet"):
        rows(custom(tmp_path, PARQUET_LAYOUT, "log.parquet", b"PAR1 no"))


TFRECORD_LAYOUT = """
format = "tfrecord"
[label]
column = "y"
[[field]]
name = "x"
kind = "number"
[[field]]
name = "words"
multi_valued = true
[[field]]
name = "user"
kind = "integer"
"""

EXAMPLES: list[dict[str, list]] = [
    {"y": [1], "x": [0.5], "words": [b"a", b"b"], "user": [-(2**40)]},
    {"y": [0.0], "words": [], "user": [7], "unused": [1]},
]


def test_any_tfrecord_by_a_layout(tmp_path: Path, tfrecords: Callable[..., bytes]) -> None:
    found = rows(custom(tmp_path, TFRECORD_LAYOUT, "log.tfrecord", tfrecords(EXAMPLES)))
    assert found == [
        {"label": 1.0, "x": 0.5, "words": ["a", "b"], "user": -(2**40)},
        {"label": 0.0, "x": None, "words": [], "user": 7},
    ]


def test_a_damaged_record_is_a_bad_row_and_the_next_is_read(tmp_path: Path, tfrecords: Callable[..., bytes]) -> None:
    content = bytearray(tfrecords(EXAMPLES))
    content[20] ^= 1
    found = custom(tmp_path, TFRECORD_LAYOUT, "log.tfrecord", bytes(content))
    assert rejects(found) == [(1, "the record does not match its checksum")]
    assert len(rows(found)) == 1


def test_values_that_do_not_fit_their_field_make_a_bad_row(tmp_path: Path, tfrecords: Callable[..., bytes]) -> None:
    examples = [{"y": [1], "user": [1.5]}, {"y": [1], "x": [1.0, 2.0]}, {"y": [1], "words": [b"\xff"]}, {"x": [1.0]}]
    found = rejects(custom(tmp_path, TFRECORD_LAYOUT, "log.tfrecord", tfrecords(examples)))
    assert [line for line, _ in found] == [1, 2, 3, 4]
    assert [reason for _, reason in found] == [
        "column 'user': not an integer",
        "column 'x': several values where one is expected",
        "not UTF-8",
        "column 'y': the label is missing",
    ]


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-1], lambda content: b"x" + content[1:], lambda content: content[:5]]
)
def test_damaged_framing_ends_the_file_by_name(
    tmp_path: Path, tfrecords: Callable[..., bytes], damage: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(DataError, match=r"log\.tfrecord"):
        rows(custom(tmp_path, TFRECORD_LAYOUT, "log.tfrecord", damage(tfrecords(EXAMPLES))))


def test_crc32c_of_the_standard_check_string() -> None:
    data = np.frombuffer(b"123456789abc", dtype=np.uint8)
    found = crc32c(data, np.array([0, 0, 3]), np.array([9, 0, 4]))
    assert found[0] == 0xE3069283  # RFC 3720, appendix B.4 (check value of CRC-32C)
    assert found[1] == 0


def test_a_malformed_example_is_a_value_error() -> None:
    for message in (b"\x0a\xff", b"\x0a", b"\x07", b"\xff" * 11):
        with pytest.raises(ValueError, match=r"\w"):
            decode(message)


LIBSVM_LAYOUT = 'format = "libsvm"\n[label]\ncolumn = 0\n'


def test_libsvm_rows_are_ids_with_weights(tmp_path: Path) -> None:
    content = b"+1 3:0.5 8:1 # why\n-1 qid:7 1:2\n# only a comment\n0\nx 1:1\n1 a:1\n1 2:nan\n1 2:\n"
    found = custom(tmp_path, LIBSVM_LAYOUT, "log.libsvm", content)
    assert rows(found) == [
        {"label": 1.0, "features": [3, 8], "features_weights": [0.5, 1.0]},
        {"label": 0.0, "features": [1], "features_weights": [2.0]},
        {"label": 0.0, "features": [], "features_weights": []},
    ]
    assert [line for line, _ in rejects(found)] == [5, 6, 7, 8]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense = 1\n[label]\ncolumn = 0", "nonsense"),
        ('[label]\ncolumn = 0\n[[field]]\nname = "a"\nkind = "strange"', "kind"),
        ('[label]\ncolumn = 0\n[[field]]\nname = "a"\n[[field]]\nname = "a"', "given twice: a"),
        ("[label]\ncolumn = 0", r"no \[\[field\]\]"),
        ('delimiter = "\u2192"\n[label]\ncolumn = 0', "ASCII"),
        ("delimiter = '\"'\n[label]\ncolumn = 0", "no quote"),
        ("", "label"),
    ],
)
def test_a_layout_that_is_wrong_says_where(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "layout.toml").write_text(text)
    with pytest.raises(UsageError, match=message):
        load_layout(tmp_path / "layout.toml")


def test_a_layout_that_is_not_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "layout.toml").write_text("= 3")
    with pytest.raises(DataError, match=r"layout\.toml"):
        load_layout(tmp_path / "layout.toml")


def test_an_unknown_format_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'criteo'"):
        find("criteos")


@pytest.mark.parametrize("name", sorted(set(READERS) - {"custom"}))
def test_a_path_that_does_not_exist_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="nowhere"):
        reader(name, tmp_path / "nowhere").sources()
