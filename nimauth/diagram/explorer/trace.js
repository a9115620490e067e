// A recorded trace: is it possible, and what happened in it, line by line.

const AROUND = 5; // so many lines are shown before and after the present one

let trace = null; // {name, count, lines, findings, explanation, end}
let line = 0; // how many of its lines are done
let playing = null;
let speed = 1;

if (data.recording) data.recording.byName = new Map(data.recording.spellings.map((one) => [one.name, one]));

// What there is to say of these bytes: {possible, line: the first that is wrong, allowed}.
function checked(bytes) {
  const read = readTrace(bytes, data.recording);
  const explanation = new Explanation(read.lines, data.recording);
  const wrong = explanation.wrong < 0 ? [] : [read.lines[explanation.wrong].number];
  const findings = [...read.findings.map(({ number }) => number), ...wrong].sort((a, b) => a - b);
  return { ...read, explanation, findings: read.findings, first: findings[0] ?? null };
}

let opened = 0; // how many files were; the last one counts, however long an earlier one takes to read

async function openTrace(file) {
  if (!data.recording) return notify(word("noTraces"));
  closeTrace();
  const mine = ++opened;
  let found;
  try {
    const bytes = await bytesOf(file, data.recording.limit);
    if (mine !== opened) return undefined;
    found = checked(bytes);
  } catch (error) {
    if (mine !== opened) return undefined;
    const key = error instanceof BadLine ? error.key : "unreadable";
    return notify(word(key, data.recording.limit / 1048576));
  }
  const { lines, findings, explanation } = found;
  if (explanation.isBeginning && explanation.wrong < 0) {
    const first = findings[0];
    const why = first ? word("alsoWrong", first.number, word(first.key)) : word("noLine");
    return notify(word("notTrace", file.name, why));
  }
  notify("");
  leaveLive();
  trace = { ...found, name: file.name, end: explanation.wrong < 0 ? lines.length : explanation.wrong };
  goTo(0);
  $("trace").hidden = false;
  $("trace").querySelector("h2").focus();
  return undefined;
}

function closeTrace() {
  if (!trace) return;
  pause();
  trace = null;
  $("trace").hidden = true;
  $("trace").replaceChildren();
  mode = MODES.HAND;
  draw();
  keepFocus();
}

// Show the session after so many lines.
function goTo(count) {
  line = Math.min(Math.max(count, 0), trace.end + (trace.explanation.wrong < 0 ? 0 : 1));
  const index = Math.min(line, trace.end) - 1;
  const came = explained(index);
  const before = explained(index - 1);
  follow(MODES.TRACE, came);
  const event = came.unseen?.at(-1) ?? came.event;
  const fits = (one) =>
    one.drawn && one.event === event && one.target === came.state && (one.source === before.state || came.unseen.length > 1);
  travel(line > trace.end ? null : certain(chart.transitions.filter(fits)));
  center();
  drawTrace();
}

// The nearest line, from here to the start, that says something of the login.
function explained(index) {
  for (let number = index; number >= 0; number--) {
    const came = trace.explanation.at(number);
    if (came) return number === index ? came : { ...came, unseen: [], event: null };
  }
  return { ...trace.explanation.origin, unseen: [], event: null };
}

function stepTrace(by) {
  if (!trace) return;
  pause();
  goTo(line + by);
  sayLine();
}

function sayLine() {
  const one = trace.lines[line - 1];
  const wrong = line > trace.end ? ` ${word("impossible", one.number)}` : "";
  tell(one ? `${text(one)}${wrong || `. ${named(now().state)}`}` : word("beforeFirst"));
}

function play() {
  if (playing !== null) return pause();
  if (line >= trace.end + (trace.explanation.wrong < 0 ? 0 : 1)) goTo(0);
  const next = () => {
    goTo(line + 1);
    if (line >= trace.end + (trace.explanation.wrong < 0 ? 0 : 1)) {
      pause();
      sayLine();
    } else playing = setTimeout(next, 1000 / speed);
  };
  playing = setTimeout(next, 0);
  return drawTrace();
}

function pause() {
  clearTimeout(playing);
  if (playing === null) return;
  playing = null;
  drawTrace();
}

// What a line tells, and nothing else that may stand in it.
function text({ kind, value }) {
  if (kind === null) return value?.name ?? "–";
  if (kind === "login_result") return `login_result: ${value ? "ok" : "not ok"}`;
  if (kind === "start") return value === undefined ? "start" : `start: ${value ?? "–"}`;
  return typeof value === "string" ? `${kind}: ${value}` : kind;
}

function verdict() {
  const { explanation, findings, lines, count } = trace;
  const said = findings.slice(0, 5).map(({ number, key }) => make("p", {}, word("alsoWrong", number, word(key))));
  if (findings.length >= MAX_FINDINGS) said.push(make("p", {}, word("tooManyWrong", findings.length)));
  if (explanation.wrong < 0) {
    if (findings.length === 0) said.unshift(make("p", { class: "good" }, make("b", {}, word("possible", count))));
    return make("div", { class: findings.length ? "verdict bad" : "verdict good" }, said);
  }
  const { number } = lines[explanation.wrong];
  const at_ = explained(explanation.wrong - 1);
  said.unshift(
    ...(explanation.tooMuch
      ? [make("p", {}, make("b", {}, word("tooMuch", number)))]
      : [
          make("p", {}, make("b", {}, word("impossible", number)), " ", make("code", {}, text(lines[explanation.wrong]))),
          make("p", {}, word("after", named(at_.state))),
          make("p", {}, word("allowed", explanation.allowed.join(", ") || "–")),
          explanation.isBeginning && make("p", {}, word("begins")),
        ].filter(Boolean)),
  );
  const show = make("button", { type: "button", onclick: () => {
    pause();
    goTo(trace.end + 1);
    sayLine();
  } }, word("showLine", number));
  return make("div", { class: "verdict bad" }, said, show);
}

function drawTrace() {
  if (!trace) return;
  const panel = $("trace");
  const place = [...panel.querySelectorAll("button, input, select, h2")].indexOf(document.activeElement);
  const last = trace.end + (trace.explanation.wrong < 0 ? 0 : 1);
  const button = (key, sign, act, isOff) =>
    make("button", { type: "button", "aria-label": word(key), title: word(key), disabled: isOff, onclick: act }, sign);
  const range = make("input", { type: "range", min: 0, max: last, value: line, "aria-label": word("lineOf") });
  range.addEventListener("input", () => {
    pause();
    goTo(Number(range.value));
  });
  const speeds = make("select", { "aria-label": word("speed") },
    [0.5, 1, 2, 4, 8].map((one) => make("option", { value: one, selected: one === speed }, `${one}×`)));
  speeds.addEventListener("change", () => {
    speed = Number(speeds.value);
  });
  const first = Math.max(0, Math.min(line - 1 - AROUND, trace.lines.length - 1 - 2 * AROUND));
  panel.replaceChildren(
    make("div", { class: "heading" }, make("h2", { tabindex: "-1" }, `${word("trace")}: ${trace.name}`),
      make("button", { type: "button", "aria-label": word("closeTrace"), title: word("closeTrace"), onclick: closeTrace }, "×")),
    verdict(),
    make("div", { class: "player" },
      button("first", "«", () => stepTrace(-line), false),
      button("previous", "‹", () => stepTrace(-1), false),
      button(playing === null ? "play" : "pause", word(playing === null ? "play" : "pause"), play, false),
      button("next", "›", () => stepTrace(1), false),
      button("last", "»", () => stepTrace(last), false),
      speeds, range),
    make("ol", { class: "lines" }, trace.lines.slice(first, first + 2 * AROUND + 1).map((one, number) => lineOf(one, first + number))),
    make("p", { class: "faint" }, word("oneExplanation")),
  );
  if (place >= 0) [...panel.querySelectorAll("button, input, select, h2")][place]?.focus();
}

function lineOf(one, index) {
  const isWrong = index === trace.explanation.wrong;
  const came = index < trace.end ? trace.explanation.at(index) : null;
  const marks = [isWrong && "wrong", index >= line && "undone"].filter(Boolean).join(" ");
  const silent = index < trace.end && !came ? word("noCount") : "";
  const unseen = came?.unseen.length ? word("unseen", came.unseen.join(", ")) : silent;
  return make("li", { class: marks || null },
    make("button", { type: "button", "aria-current": index === line - 1 ? "step" : null, onclick: () => stepTrace(Math.min(index + 1, trace.end + 1) - line) },
      make("span", { class: "number" }, String(one.number)),
      make("span", { class: "step" }, make("code", {}, text(one)), unseen && make("small", {}, unseen)),
      came && make("span", { class: `stop ${roleOf(came.state)}` }, named(came.state)),
      isWrong && make("span", { class: "stop no" }, "✗")));
}

$("open").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", () => {
  const [file] = $("file").files;
  $("file").value = "";
  if (file) openTrace(file);
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  const [file] = event.dataTransfer.files;
  if (file) openTrace(file);
});
if (!data.recording) $("open").hidden = true;
