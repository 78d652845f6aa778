from wideload.reports.html.choices import filters, options


def test_only_what_has_several_values_is_a_filter(race_of, make_run):
    race = race_of([make_run("a"), make_run("b")])
    assert [(each.name, each.choices) for each in filters(race)] == [("strategy", ("a", "b"))]


def test_every_option_that_varies_is_a_filter_of_its_own(race_of, make_run):
    variants = [{}, {"mode": "async"}, {"mode": "async", "wire": "fp16"}, {"mode": "bounded", "staleness": 4}]
    race = race_of([make_run("a"), *(make_run("ps", options=each) for each in variants)])
    assert [(each.name, each.choices) for each in options(race)] == [
        ("option.mode", ("default", "async", "bounded")),
        ("option.staleness", ("default", "4")),
        ("option.wire", ("default", "fp16")),
    ]


def test_an_option_is_nothing_to_a_strategy_that_does_not_use_it(race_of, make_run):
    race = race_of([make_run("a"), make_run("ps"), make_run("ps", options={"mode": "async"})])
    assert [each.of for each in options(race)] == [(None, 0, 1)]


def test_an_option_that_is_the_same_everywhere_is_no_filter(race_of, make_run):
    assert options(race_of([make_run("ps", options={"wire": "fp16"}), make_run("a")])) == []


def test_a_name_that_does_not_fit_an_address_goes_by_its_place(race_of, make_run):
    hostile = "<script>" * 100
    race = race_of([make_run("ps"), make_run("ps", options={hostile: True})])
    (made,) = options(race)
    assert made.name == "option.0"
    assert made.choices == ("default", "true")
    assert len(made.title) <= 32
