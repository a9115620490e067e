from __future__ import annotations

import pytest

from nimauth.server import AllAllowed, CustomGroups, DesktopAndMobile, Device, OneClient, Policy
from nimauth.server.policy import policy_of


def displaces(policy: Policy, one: str, other: str) -> bool:
    """Do a client of kind `one` and a client of kind `other`, on two devices, exclude each other?"""
    return policy.place(Device("d1", client_type=one)) == policy.place(Device("d2", client_type=other))


@pytest.mark.parametrize(
    ("policy", "together", "apart"),
    [
        (OneClient(), [("pc", "ios"), ("pc", "pc"), ("", "web")], []),
        (
            DesktopAndMobile(),
            [("pc", "mac"), ("web", "PC"), ("ios", "android"), ("watch", "watch")],
            [("pc", "ios"), ("web", "harmonyos"), ("watch", "pc")],
        ),
        (AllAllowed(), [], [("pc", "pc"), ("ios", "android")]),
        (
            CustomGroups([["pc", "ios"], ["ios", "Web"]]),
            [("pc", "ios"), ("IOS", "pc"), ("web", "web")],
            [("ios", "web"), ("pc", "web"), ("tv", "tv")],
        ),
    ],
    ids=["one", "desktop-and-mobile", "all", "groups"],
)
def test_who_excludes_whom(policy: Policy, together: list[tuple[str, str]], apart: list[tuple[str, str]]) -> None:
    assert all(displaces(policy, one, other) for one, other in together)
    assert not any(displaces(policy, one, other) for one, other in apart)


def test_a_device_has_one_place_under_every_policy() -> None:
    device = Device("d", client_type="pc")
    for policy in (OneClient(), DesktopAndMobile(), AllAllowed(), CustomGroups([])):
        assert policy.place(device) == policy.place(Device("d", client_type="pc", custom_tag="other"))


def test_an_operator_names_a_policy_in_words() -> None:
    assert policy_of("one") == OneClient()
    assert policy_of("desktop-and-mobile") == DesktopAndMobile()
    assert policy_of("all") == AllAllowed()
    assert policy_of("groups:pc+mac,ios") == CustomGroups([["pc", "mac"], ["ios"]])
    for words in ("", "One", "groups", "groups:", "all:1", "one "):
        with pytest.raises(ValueError, match="the policy is one of"):
            policy_of(words)
