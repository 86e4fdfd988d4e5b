"""Figures, as people see them."""

import re

from speed import rows
from speed.rows import Row, show

ROW = Row("pong rules", "ticks/s", 12345678.0, note="best of 2 turns").beside(1e6, "somebody else")


def test_people_get_a_table(capsys, monkeypatch):
    monkeypatch.setattr(rows.sys.stdout, "isatty", lambda: True)
    show(iter([ROW]))
    printed = capsys.readouterr().out
    assert "12.3 M" in printed and "somebody else" in printed
    assert "\x1b[" in printed  # drawn, not written line by line


def test_in_a_file_each_row_is_there_at_once(capsys):
    line = r"\npong rules +ticks/s +12\.3 M +1 M +12\.35 +best of 2 turns; then: somebody else\n$"

    def two():
        yield ROW
        assert re.search(line, capsys.readouterr().out)
        yield Row("connect_four rules", "ticks/s", 5.0)

    assert len(show(two(), ("today", "then"))) == 2
    assert re.search(r"^connect_four rules +ticks/s +5\n", capsys.readouterr().out)
