"""Homes in memory, where there is such a place: the stores sync each write, and a busy disk takes its time."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import pytest

MEMORY = "/dev/shm"


@pytest.fixture(scope="package", autouse=True)
def homes_in_memory() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        if os.path.isdir(MEMORY) and os.access(MEMORY, os.W_OK) and "TMPDIR" not in os.environ:
            patched.setattr(tempfile, "tempdir", MEMORY)
        yield
