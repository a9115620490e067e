"""What two devices see of each other when their server goes down and comes back with all that it retained."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .script import PATIENCE, Device, Play


async def one_comes_back(play: Play, end: Callable[[], None]) -> None:
    """The desk is closed while the server is down: its presence is retained, and nobody's will clears it."""
    await play.add_account()
    async with play.device("phone") as phone:
        async with play.device("desk") as desk:
            await _side_by_side(phone, desk)
            seen = len(phone.statuses)
            await play.operator(end)
        await play.operator(play.stage.server.start)
        await phone.online(seen)
        await phone.until(lambda: not phone.others, "a list without the desk")
        async with play.device("tablet") as tablet:
            await tablet.log_in()
            assert tablet.others == {"phone"}, "the desk's presence is still retained"


async def both_come_back(play: Play, end: Callable[[], None]) -> None:
    """Whoever is first may take the other one's presence for one that outlived it, and soon knows better."""
    await play.add_account()
    async with play.device("phone") as phone, play.device("desk") as desk:
        await _side_by_side(phone, desk)
        seen = len(phone.statuses), len(desk.statuses)
        await play.operator(end)
        await play.operator(play.stage.server.start)
        for device, since in zip((phone, desk), seen, strict=True):
            await device.online(since)
        await asyncio.sleep(PATIENCE)
        assert (phone.others, desk.others) == ({"desk"}, {"phone"})
        async with play.device("tablet") as tablet:
            await tablet.log_in()
            assert tablet.others == {"phone", "desk"}
            await asyncio.sleep(PATIENCE)
            assert tablet.others == {"phone", "desk"}


async def _side_by_side(phone: Device, desk: Device) -> None:
    for device in (phone, desk):
        await device.log_in()
    await phone.until(lambda: phone.others == {"desk"}, "the desk in the phone's list")
    await desk.until(lambda: desk.others == {"phone"}, "the phone in the desk's list")
