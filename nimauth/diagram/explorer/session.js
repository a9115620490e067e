// The session on the page: a path through the machine, by hand or as a trace or a service tells it.

const MAX_LINK = 500;
const MODES = { HAND: "hand", TRACE: "trace", LIVE: "live" };

let mode = MODES.HAND;
let steps = []; // {event, params} | {variable, value} | {state}
let stops = [start()]; // where each step leads; one more than steps
let at = 0; // how many of the steps are done
let followed = null; // the configuration that a trace or a service shows
let chosen = {}; // parameters
let showsAll = false;
let isUnfolded = false; // the events, while the page follows live and nobody can let them happen

const now = () => (mode === MODES.HAND ? stops[at] : followed);

// Guards have an answer only where it is known what they ask for.
const isKnown = () => mode !== MODES.LIVE || isTold || chart.variables.length === 0;

function after(before, step) {
  if ("event" in step) return look(before, step.event, step.params).after;
  if ("variable" in step) return { ...before, values: { ...before.values, [step.variable]: step.value } };
  return { ...before, state: step.state };
}

function walk(path) {
  steps = path;
  stops = [start()];
  for (const step of steps) stops.push(after(stops.at(-1), step));
  at = steps.length;
}

function take(step) {
  const then = after(stops[at], step);
  steps = [...steps.slice(0, at), step];
  stops = [...stops.slice(0, at + 1), then];
  at++;
}
