"""Files of each kind, changed in every way that JSON allows, are read or refused in words; nothing else happens.

40 changes of each kind here; `python -m tests.trust schema` makes thousands.
"""

import pytest

from tests.trust.changed_files import KINDS
from tests.trust.schema import reads_or_refuses


@pytest.mark.parametrize("name", KINDS)
def test_a_changed_file_is_read_or_refused_in_words(name, tmp_path):
    assert reads_or_refuses(name, tmp_path / "run", lambda test: test, 40, derandomize=True) > 0
