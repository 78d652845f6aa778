from wideload.reports import text


def test_direction_overrides_and_control_characters_are_written_out():
    assert text.visible("abc\u202edef\x07") == "abc<U+202E>def<U+0007>"


def test_ordinary_letters_of_any_script_stay():
    assert text.visible("größe 大小 גודל") == "größe 大小 גודל"


def test_a_label_is_one_line_and_cut():
    assert text.label("a\nb" + "x" * 10_000, 10) == "a bxxxxxx…"


def test_plotly_gets_no_markup():
    assert text.plot_label("<a href='https://evil.example'>x</a>") == "&lt;a href='https://evil.example'&gt;x&lt;/a&gt;"
