"""The explorer, live: a page on loopback that shows where a running machine stands."""

from .login import LoginReporter
from .page import LiveLimits, LivePage

__all__ = ["LiveLimits", "LivePage", "LoginReporter"]
