"""What a person sees of the demo: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from typing import Any, Protocol

from attrs import define, field

HAPPY = "green"
ENDED = "red"
COLOURS = {
    **dict.fromkeys(("loggedIn", "dataSyncStart", "dataSyncFinish"), HAPPY),
    **dict.fromkeys(("kickOut", "kickOutByOtherClient", "forbidden", "pwdError"), ENDED),
}


class Screen(Protocol):
    """Shows steps."""

    def note(self, text: str) -> None: ...

    def begin(self, title: str, rules: str) -> None: ...

    def status(self, status: str) -> None: ...

    def finish(self, *, ok: bool, note: str) -> None: ...

    def close(self) -> None: ...

    def summary(self, failed: int, seconds: float) -> None: ...


def make_screen(*, plain: bool) -> Screen:
    """A live table where there is a terminal and rich is installed (extra `cli`)."""
    if not plain and sys.stdout.isatty():
        try:
            return LiveScreen()
        except ModuleNotFoundError:
            pass
    return PlainScreen()


@define
class PlainScreen:
    """One line for a step, its statuses, and how it went."""

    steps: int = 0
    statuses: list[str] = field(factory=list)

    def note(self, text: str) -> None:
        print(text, flush=True)

    def begin(self, title: str, rules: str) -> None:
        self.steps += 1
        self.statuses = []
        print(f"\n{self.steps}. {title}" + (f"  [{rules}]" if rules else ""), flush=True)

    def status(self, status: str) -> None:
        self.statuses.append(status)

    def finish(self, *, ok: bool, note: str) -> None:
        if self.statuses:
            print(f"   {' > '.join(self.statuses)}")
        print(f"   {'ok' if ok else 'NOT AS THE RULES SAY'}: {note}", flush=True)

    def close(self) -> None:
        """Nothing is held."""

    def summary(self, failed: int, seconds: float) -> None:
        print(f"\n{summary(self.steps, failed, seconds)}", flush=True)


class LiveScreen:
    """A table that grows as the story goes on."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console()
        self._steps: list[dict[str, Any]] = []
        self._live = Live(self._table(), console=self._console, refresh_per_second=12)
        self._live.start()

    def note(self, text: str) -> None:
        self._live.console.print(text, style="yellow")

    def begin(self, title: str, rules: str) -> None:
        self._steps.append({"title": title, "rules": rules, "statuses": [], "mark": "…", "note": ""})
        self._live.update(self._table())

    def status(self, status: str) -> None:
        self._steps[-1]["statuses"].append(status)
        self._live.update(self._table())

    def finish(self, *, ok: bool, note: str) -> None:
        self._steps[-1].update(mark="[green]✓[/]" if ok else "[bold red]✗[/]", note=note)
        self._live.update(self._table())

    def close(self) -> None:
        self._live.stop()

    def summary(self, failed: int, seconds: float) -> None:
        style = "bold red" if failed else "bold green"
        self._console.print(summary(len(self._steps), failed, seconds), style=style, highlight=False)

    def _table(self) -> Any:
        from rich.markup import escape
        from rich.table import Table

        table = Table(title="nimauth demo", title_justify="left", show_lines=True)
        for name, ratio in {"": None, "what happens": 3, "what the app shows": 4}.items():
            table.add_column(name, ratio=ratio)
        for step in self._steps:
            shown = " › ".join(f"[{COLOURS.get(s, 'cyan')}]{s}[/]" for s in step["statuses"])
            note = f"[dim]{escape(step['note'])}[/]"
            title = f"{step['title']}\n[dim]{step['rules']}[/]".rstrip()
            table.add_row(step["mark"], title, "\n".join(filter(None, (shown, note))))
        return table


def summary(steps: int, failed: int, seconds: float) -> str:
    """How it all went, in one sentence."""
    if failed:
        return f"{failed} of {steps} steps did not go as the rules say ({seconds:.1f} s)."
    return f"All {steps} steps went as the rules say ({seconds:.1f} s)."
