// Following a running machine: each message says where it is.

let source = null;
let heard = ""; // the key of the words that say how the connection is
let isTold = false; // whether the service ever said what the session knows
let news = []; // {text, event, state} of each message, the latest first
let arrived = null; // the frame that will show what has come
let cameBy = null; // the row that led to where it is

function listen() {
  if (!data.live) return;
  follow(MODES.LIVE, start());
  hear("liveWaiting");
  source = new EventSource(data.live);
  source.addEventListener("open", () => hear("liveOn"));
  source.addEventListener("error", () => hear("liveLost"));
  source.addEventListener("message", ({ data: text }) => {
    try {
      arrive(JSON.parse(text));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  });
}

function arrive(message) {
  if (message?.end === true) {
    source.close();
    return hear("liveEnded");
  }
  if (typeof message?.state !== "string" || !chart.stateOf.has(message.state)) return undefined;
  const before = followed;
  const came = guessed(before, message);
  const values = { ...came.values };
  for (const { id, values: known } of chart.variables) {
    const value = message.variables?.[id];
    if (!known.some((one) => one.id === value)) continue;
    values[id] = value;
    isTold = true;
  }
  followed = { state: message.state, values };
  cameBy = came.row;
  const text = message.text ? [String(message.text.en ?? ""), String(message.text.zh || message.text.en || "")] : null;
  news = [{ text, event: chart.eventOf.has(message.event) ? message.event : null, state: message.state }, ...news].slice(0, MAX_LINK);
  arrived ??= requestAnimationFrame(show);
  return undefined;
}

// What came since the last frame is shown at once: a page that joins late is told the whole history.
function show() {
  if (arrived === null) return;
  cancelAnimationFrame(arrived);
  arrived = null;
  if (mode !== MODES.LIVE) return;
  draw();
  drawNews();
  travel(cameBy);
  center();
  tell(word("nowIn", sentence(news[0]), named(followed.state)));
}

const sentence = ({ text, event }) => (text && say(text)) || (event === null ? word("unnamed") : named(event));

function drawNews() {
  $("heard").replaceChildren(
    ...news.map((one) =>
      make("li", {}, make("span", { class: "step" }, sentence(one)), make("span", { class: `stop ${roleOf(one.state)}` }, named(one.state)))),
  );
}

// What the session may know by now: the service tells where it is, and rarely more. The event that was told, or else the
// first that leads there, tells the rest.
function guessed(before, { state, event }) {
  const isNamed = chart.eventOf.has(event);
  const events = isNamed ? [chart.eventOf.get(event)] : state === before.state ? [] : chart.events;
  const looked = events.map((one) => look(before, one.id, paramsOf(one, {}))).filter(({ row, after: then }) => row && then.state === state);
  const fits = events.flatMap(({ id }) => possible(before.state, id)).filter(({ target }) => (target ?? before.state) === state);
  const isSure = isNamed && isTold && looked.length > 0;
  return { values: looked[0]?.after.values ?? before.values, row: isSure ? looked[0].row : certain(fits) };
}

function hear(key) {
  show();
  heard = key;
  drawLive();
}

function drawLive() {
  $("live").hidden = $("story").hidden = heard === "";
  $("live").textContent = heard && word(heard);
  $("live").dataset.heard = heard;
  drawNews();
}

function leaveLive() {
  if (heard === "") return;
  source.close();
  hear("liveLeft");
}
