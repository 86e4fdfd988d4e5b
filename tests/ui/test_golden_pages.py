"""Each page looks as it did when somebody last looked at it, and closes at once."""

import pytest

from tests.ui.golden_pages import ALIKE, FOLDER, PAGES, difference, golden, opened

AT_ONCE, BUSY = 0.2, 5  # seconds in which a window closes, and how many times longer it may take on a busy machine


@pytest.mark.parametrize("name", PAGES)
def test_each_page_looks_as_it_did(name):
    picture, _ = opened(name)
    told = f"{name} looks otherwise. If that is meant: python -m tests.ui.golden_pages {name}"
    assert difference(picture, golden(name)) <= ALIKE, told


@pytest.mark.parametrize("name", PAGES)
def test_a_window_closes_at_once_on_each_page(name):
    _, seconds = opened(name)
    assert seconds <= BUSY * AT_ONCE


def test_there_are_no_other_pictures_and_they_are_small():
    files = list(FOLDER.iterdir())
    assert {file.stem for file in files} == set(PAGES)
    assert sum(file.stat().st_size for file in files) <= 300 * 1024


def test_a_part_in_another_place_is_seen():
    before = golden("choice")
    moved = before.copy()
    moved.blit(before, (0, 3))
    assert difference(before, moved) > 3 * ALIKE and difference(before, before) == 0.0
