// What may happen: a card for each event.

const same = (a, b) => a.state === b.state && chart.variables.every(({ id }) => a.values[id] === b.values[id]);

// What each event would do now. `means` is false where the state has no row for it, and it sets nothing. Where guards have
// no answer, `open` are the rows of which one may be taken.
function outlook() {
  const here = now();
  if (!isKnown()) {
    return chart.events.map((event) => {
      const open = possible(here.state, event.id);
      return { event, params: {}, asked: [], row: certain(open), open, means: open.length > 0 };
    });
  }
  return chart.events.map((event) => {
    const params = paramsOf(event, chosen);
    const seen = look(here, event.id, params);
    return { event, params, ...seen, open: null, means: seen.row !== null || !same(seen.after, here) };
  });
}

function happen(id) {
  const one = outlook().find(({ event }) => event.id === id);
  if (mode !== MODES.HAND) return tell(word("takeOverFirst"));
  if (!one.means) return tell(word("isRefused", named(id), whyNot(one)));
  const passed = one.asked.filter(({ taken }) => !taken).map((row) => `${notTaken(row)} ${whyNot({ asked: [row] })}.`);
  take({ event: id, params: one.params });
  draw();
  travel(one.row);
  center();
  return tell([word("nowIn", named(id), named(now().state)), ...passed].join(" "));
}

// Why an event is refused, in words.
function whyNot({ asked }) {
  const failing = asked.flatMap(({ guards }) => guards.filter(({ agrees }) => !agrees));
  if (failing.length === 0) return word("noRowHere", named(now().state));
  return failing.map(({ guard }) => [say(guard.label), ruleText(guard.rule)].filter(Boolean).join(" – ")).join("; ");
}

const ruleText = (id) => (id ? `${id}: ${say(chart.ruleOf.get(id)?.text ?? id)}` : "");

function card(one) {
  const { event, asked, row, open, means } = one;
  const passed = asked.filter(({ taken }) => !taken);
  const name = make("span", { class: "name" }, named(event.id));
  const goes = !means
    ? make("span", { class: "goes no" }, word("refused"))
    : [...new Set((open ?? [row]).map((each) => each?.target ?? null))].map(goesTo);
  const button = make(
    "button",
    { type: "button", class: "go", tabindex: "-1", "aria-disabled": means && mode === MODES.HAND ? null : "true" },
    make("span", { class: "line" }, name, goes),
    event.note && make("span", { class: "note" }, say(event.note)),
  );
  button.dataset.event = chart.events.indexOf(event);
  button.addEventListener("click", () => happen(event.id));
  for (const kind of ["pointerenter", "focus"]) button.addEventListener(kind, () => preview(row));
  for (const kind of ["pointerleave", "blur"]) button.addEventListener(kind, () => preview(null));
  const detail = open ? [] : [
    ...passed.map(refusal),
    row && row.guards.length > 0 && chips(asked.at(-1).guards),
    row && effectsOf(row),
    row && row.rules.length > 0 && rulesOf(row.rules),
  ].filter(Boolean);
  return make("li", { class: means ? "event" : "event refused" }, button, detail.length > 0 && make("div", { class: "detail" }, detail));
}

const goesTo = (target) =>
  target === null
    ? make("span", { class: "goes" }, word("stays"))
    : make("span", { class: `goes ${roleOf(target)}` }, make("span", { "aria-hidden": "true" }, "→\u00a0"),
        make("span", { class: "away" }, word("goes", "")), named(target));

// What a row that was asked and not taken would have done.
function notTaken({ row }) {
  if (row.target !== null) return word("notTo", named(row.target));
  const does = row.effects.filter(({ hidden }) => !hidden).map(({ label }) => say(label)).join(", ");
  return word("notThat", does || word("stays"));
}

// Such a row: which of its guards refuse, by which rule.
function refusal(asked) {
  const failing = asked.guards.filter(({ agrees }) => !agrees);
  const rest = asked.guards.filter(({ agrees }) => agrees);
  const rules = new Set(failing.map(({ guard }) => guard.rule).filter(Boolean));
  return make(
    "div",
    { class: "passed" },
    make("p", { class: "what" }, notTaken(asked)),
    chips([...failing, ...rest]),
    [...rules].map((id) => make("p", { class: "why" }, make("b", {}, id), " ", say(chart.ruleOf.get(id)?.text ?? ""))),
  );
}

const chips = (guards) =>
  make(
    "ul",
    { class: "chips" },
    guards.map(({ guard, agrees }) =>
      make(
        "li",
        { class: agrees ? "chip yes" : "chip no", title: guard.rule ? ruleText(guard.rule) : null },
        make("span", { "aria-hidden": "true" }, agrees ? "✓ " : "✗ "),
        say(guard.label),
        make("span", { class: "away" }, ` – ${word(agrees ? "agrees" : "disagrees")}`),
      ),
    ),
  );

function effectsOf({ effects }) {
  const shown = effects.filter(({ hidden }) => !hidden);
  if (shown.length === 0) return null;
  return make("p", { class: "effects" }, "/ ", shown.map(({ label }) => say(label)).join(", "));
}

const rulesOf = (ids) =>
  make(
    "details",
    { class: "rules" },
    make("summary", { tabindex: "-1", "aria-label": `${word("rules")} ${ids.join(", ")}` },
      ids.map((id) => make("span", { class: "rule" }, id))),
    make("ul", {}, ids.map((id) => make("li", {}, make("b", {}, id), " ", say(chart.ruleOf.get(id)?.text ?? "")))),
  );

function drawEvents() {
  const wanted = $("find").value.trim().toLowerCase();
  const held = document.activeElement?.dataset?.event;
  const hadFocus = held !== undefined && $("list").contains(document.activeElement);
  const all = outlook();
  const fits = ({ event }) => `${event.id} ${say(event.note)}`.toLowerCase().includes(wanted);
  const listed = all.filter((one) => fits(one) && (one.means || one.asked.length > 0));
  const rest = all.filter((one) => fits(one) && !one.means && one.asked.length === 0);
  const origins = new Map();
  for (const one of listed) {
    const origin = say(one.event.origin) || word("other");
    origins.set(origin, [...(origins.get(origin) ?? []), one]);
  }
  $("list").replaceChildren(
    ...[...origins].map(([origin, events]) =>
      make("section", { class: "origin", "aria-label": origin }, make("h3", {}, origin), make("ul", {}, events.map(card)))),
    ...(listed.length === 0 ? [make("p", { class: "faint" }, word(wanted ? "nothingFound" : "nothing"))] : []),
    ...(rest.length > 0 ? [others(rest)] : []),
  );
  const buttons = goButtons();
  const focus = buttons.find((one) => one.dataset.event === held) ?? buttons[0];
  if (focus) focus.tabIndex = 0;
  if (hadFocus) (focus ?? $("state")).focus();
  drawMap(now(), all.flatMap(({ row, open }) => open ?? row ?? []));
}

// Events that mean nothing here: behind a button, and without ceremony.
function others(rest) {
  const toggle = make("button", { type: "button", id: "all", "aria-expanded": String(showsAll) },
    showsAll ? word("showFewer") : word("showAll", rest.length));
  toggle.addEventListener("click", () => {
    showsAll = !showsAll;
    drawEvents();
    $("all").focus();
  });
  return make(
    "section",
    { class: "origin others", "aria-label": word("noRow", named(now().state)) },
    toggle,
    showsAll && make("h3", {}, word("noRow", named(now().state))),
    showsAll && make("ul", {}, rest.map((one) => card(one))),
  );
}
