"""The login lifecycle of an instant-messaging client as an explicit state machine."""

__version__ = "0.1.0"
