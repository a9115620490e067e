"""What is left behind is told, and what is not is not."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import threading
import warnings
from collections.abc import Callable

import pytest

from nimauth.conformance.guard import run_guarded
from nimauth.conformance.leftovers import Census, every_complaint, every_socket


def test_a_census_tells_what_is_new() -> None:
    before = Census()
    assert before.left() == []
    go = threading.Event()
    thread = threading.Thread(target=go.wait, name="dawdler", daemon=True)
    thread.start()
    reader, writer = os.pipe()
    with socket.socket():
        left = before.left()
    assert left[0] == "an open pipe" or not os.path.isdir("/proc/self/fd")
    assert left[-2:] == ["an open socket", "the thread 'dawdler'"]
    go.set()
    thread.join()
    os.close(reader)
    os.close(writer)
    assert before.left() == []


def test_sockets_are_told_apart_by_who_makes_them() -> None:
    counts = False
    with every_socket(lambda: counts) as made, socket.socket():
        counts = True
        with socket.socket() as ours:
            assert [one() for one in made] == [ours]
    with socket.socket():
        assert len(made) == 1


def complain_of_a_resource() -> None:
    socket.socket()


def complain_of_a_coroutine() -> None:
    asyncio.sleep(0)  # type: ignore[unused-coroutine]  # noqa: RUF100  # pyright: ignore[reportUnusedCoroutine]


def complain_in_a_thread() -> None:
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()


class Angry:
    def __del__(self) -> None:
        raise ValueError("leave me alone")


def complain_in_del() -> None:
    Angry()


def complain_in_a_cycle() -> None:
    one = [socket.socket()]
    one.append(one)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("complain", "words"),
    [
        (complain_of_a_resource, "unclosed"),
        (complain_of_a_coroutine, "never awaited"),
        (complain_in_a_thread, "ZeroDivisionError"),
        (complain_in_del, "leave me alone"),
        (complain_in_a_cycle, "unclosed"),
    ],
)
def test_complaints_are_heard(complain: Callable[[], None], words: str) -> None:
    frozen = gc.get_freeze_count()
    with every_complaint() as complaints:
        complain()
    assert words in "".join(complaints.heard)
    assert gc.get_freeze_count() <= frozen


def test_other_warnings_go_where_they_would_have_gone() -> None:
    with every_complaint() as complaints, pytest.raises(UserWarning, match="not yours"):
        warnings.warn("not yours", UserWarning, stacklevel=1)
    with warnings.catch_warnings(record=True) as others:
        warnings.simplefilter("always")
        with every_complaint() as complaints:
            warnings.warn("not yours", UserWarning, stacklevel=1)
    assert [str(other.message) for other in others] == ["not yours"]
    assert complaints.heard == []


def test_a_loop_complains_of_what_nobody_asked_for() -> None:
    async def forget() -> None:
        asyncio.get_running_loop().create_future().set_exception(ValueError("forgotten"))

    with every_complaint() as complaints:
        run_guarded(forget, complaints=complaints)
    assert "forgotten" in complaints.heard[0]
