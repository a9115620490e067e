"""What can never work is refused when a transport is made, in a sentence, whichever transport it is."""

from __future__ import annotations

from typing import Any, Final

import pytest

from nimauth.transports.mqtt import MqttTransport
from nimauth.transports.websocket import WebSocketTransport
from nimauth.transports.xmpp import Tls, XmppTransport

URLS: Final[dict[Any, str]] = {WebSocketTransport: "wss://h", XmppTransport: "xmpps://h", MqttTransport: "mqtts://h"}
EACH: Final = pytest.mark.parametrize("kind", URLS)


@EACH
@pytest.mark.parametrize("option", ["heartbeat", "timeout", "close_timeout"])
@pytest.mark.parametrize("given", [0, -1.0, float("inf"), float("nan"), 10**400, True, "10", None])
def test_a_time_is_a_number_of_seconds(kind: Any, option: str, given: Any) -> None:
    with pytest.raises(ValueError, match=rf"^{option} is no usable time; give a number of seconds above 0$"):
        kind(URLS[kind], **{option: given})


@EACH
@pytest.mark.parametrize("given", [0, -1, 1.5, 2**40, float("inf"), True, "10", None])
def test_a_size_is_a_whole_number_of_bytes(kind: Any, given: Any) -> None:
    with pytest.raises(ValueError, match=r"^max_size is no usable size; give a whole number of bytes, 1 to 268435455$"):
        kind(URLS[kind], max_size=given)


@EACH
@pytest.mark.parametrize("option", ["os", "client_type", "custom_tag"])
@pytest.mark.parametrize("given", [None, 5, b"x", "x" * 300, "a\nb", "\ud800"])
def test_a_label_is_plain_text(kind: Any, option: str, given: Any) -> None:
    with pytest.raises(ValueError, match=rf"^{option} .*(give it as|are allowed)"):
        kind(URLS[kind], **{option: given})


@EACH
@pytest.mark.parametrize("given", [5, "mine.pem", True])
def test_a_context_is_one(kind: Any, given: Any) -> None:
    with pytest.raises(ValueError, match=r"^ssl is no ssl\.SSLContext; give one, or leave it out$"):
        kind(URLS[kind], ssl=given)


@EACH
def test_what_can_work_is_taken(kind: Any) -> None:
    made = kind(
        URLS[kind], heartbeat=1, timeout=0.01, close_timeout=1e9, max_size=2**28 - 1, os="", custom_tag="\u00fc"
    )
    assert made.heartbeat == 1


@pytest.mark.parametrize(
    ("option", "given"),
    [
        ("domain", 5),
        ("domain", None),
        ("domain", "a@b"),
        ("domain", "a\nb"),
        ("domain", "x" * 256),
        ("look_out", -1),
        ("look_out", float("inf")),
        ("look_out", "2"),
    ],
)
def test_what_mqtt_alone_has_is_looked_at_too(option: str, given: Any) -> None:
    with pytest.raises(ValueError, match=rf"^{option} is no "):
        MqttTransport("mqtts://h", **{option: given})
    assert MqttTransport("mqtts://h", domain="im.example.org", look_out=0).look_out == 0


def test_a_prefix_leaves_room_for_the_rest_of_a_topic() -> None:
    assert MqttTransport("mqtts://h/" + "x" * 1024).prefix == "x" * 1024
    for prefix in ("x" * 1025, "\u00fc" * 513, "x/" * 35_000):
        with pytest.raises(ValueError, match=r"more than 1024 bytes; give one like mqtts://"):
            MqttTransport(f"mqtts://h/{prefix}")


def test_how_xmpp_has_tls_may_be_given_as_a_word_and_is_never_guessed() -> None:
    assert XmppTransport("xmpp://h", tls="starttls").tls is Tls.STARTTLS
    for given in ("STARTTLS", "no", "", 5, True):
        wrong: Any = given
        with pytest.raises(ValueError, match=r"^tls is none of starttls, direct, none; give one of these"):
            XmppTransport("xmpp://h", tls=wrong)
