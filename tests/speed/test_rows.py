"""Figures, as people see them."""

from speed.rows import Row, show


def test_people_get_a_table(capsys):
    show(iter([Row("pong rules", "ticks/s", 12345678.0).beside(1e6, "somebody else")]))
    printed = capsys.readouterr().out
    assert "12.3 M" in printed and "somebody else" in printed
