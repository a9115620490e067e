// The page as a whole: drawn anew after each step, and its controls.

function draw() {
  const here = now();
  const { note, group } = chart.stateOf.get(here.state);
  $("here").className = roleOf(here.state);
  $("state").textContent = named(here.state);
  $("note").textContent = say(note);
  $("group").textContent = say(chart.groupOf.get(group)?.label) || word("now");
  $("latest").textContent = mode === MODES.LIVE && news.length > 0 ? sentence(news[0]) : "";
  $("latest").hidden = $("latest").textContent === "";
  document.body.dataset.mode = mode;
  fold();
  $("take-over").hidden = mode === MODES.HAND;
  $("back").hidden = $("reset").hidden = mode !== MODES.HAND;
  drawEvents();
  drawValues();
  drawPath();
  writeLink();
}

// Live, nobody can let events happen: they are there for whoever wants to see them.
function fold() {
  const isLive = mode === MODES.LIVE;
  $("unfold").hidden = !isLive;
  $("unfold").textContent = word(isUnfolded ? "fold" : "unfold");
  $("unfold").setAttribute("aria-label", `${word("events")}: ${word(isUnfolded ? "fold" : "unfold")}`);
  $("unfold").setAttribute("aria-expanded", String(isUnfolded));
  $("find").hidden = $("offered").hidden = isLive && !isUnfolded;
}

function drawWords() {
  putWords();
  putDrawnWords();
  draw();
  drawTrace();
  drawLive();
}

$("lang").value = lang;
$("lang").addEventListener("change", () => {
  lang = $("lang").value;
  drawWords();
});
function dress(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
$("theme").value = data.theme;
$("theme").addEventListener("change", () => dress($("theme").value));
dress(data.theme);
$("back").addEventListener("click", back);
$("reset").addEventListener("click", reset);
$("take-over").addEventListener("click", takeOver);
$("unfold").addEventListener("click", () => {
  isUnfolded = !isUnfolded;
  fold();
});
$("copy").addEventListener("click", copyLink);
$("find").addEventListener("input", drawEvents);
$("help").addEventListener("click", () => $("keys").showModal());
$("keys-close").addEventListener("click", () => $("keys").close());
$("notice-close").addEventListener("click", () => notify(""));
addEventListener("keydown", onKey);
addEventListener("hashchange", readLink);

fit();
drawWords();
readLink();
listen();

// For tests, and for whoever wants to drive the page.
window.nimauth = {
  get state() {
    return now().state;
  },
  get values() {
    return { ...now().values };
  },
  send: happen,
  reset,
  // What each [configuration, event, parameters] comes to: {state, values, row}.
  look: (asked) =>
    asked.map(([where, event, params]) => {
      const { after: then, row } = look(where, event, params);
      return { ...then, row: row?.index ?? null };
    }),
  check: (bytes) => checked(Uint8Array.from(bytes)),
};
