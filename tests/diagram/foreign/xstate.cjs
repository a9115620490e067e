// Runs machine configs in XState.
//
// Standard input: {"documents": [text], "walks": [{"document": index, "events": [[name, data]]}]}.
// Standard output: for each walk, the moments after the start and after each event: {"states", "variables", "done"}.

const { assign, createActor, setup } = require("xstate");

const value = (it, context, event) =>
  typeof it === "string" ? it : it.known ? context[it.known] : event[it.carried];
const holds = (it, context, event) => (context[it.variable] === value(it.value, context, event)) === it.equal;
const put = (context, event, it) =>
  it.when && !holds(it.when, context, event) ? context
    : { ...context, [it.variable]: value(it.value, context, event) };

function machineOf(json, actions = {}) {
  const guards = {};
  const config = JSON.parse(json, (key, it) => {
    if (key === "guard") guards[it.type] = ({ context, event }, { after, all }) => {
      const then = after.reduce((now, it) => put(now, event, it), context);
      return all.every((asked) => holds(asked, then, event));
    };
    return it;
  });
  const set = assign(({ context, event }, it) => put(context, event, it));
  return setup({ guards, actions: { ...actions, set } }).createMachine(config);
}

// Each effect tells that it was done.
const namesOf = (json) => {
  const names = new Set();
  JSON.parse(json, (key, it) => (key === "actions" && Array.isArray(it) && it.forEach(({ type }) => names.add(type)), it));
  return [...names];
};

const leaves = (value) => (typeof value === "string" ? [value] : Object.values(value).flatMap(leaves));

const walk = (machine, done, events) => {
  const actor = createActor(machine);
  actor.subscribe({ error: (error) => { throw error; } });
  const moment = () => {
    const { value, context } = actor.getSnapshot();
    return { states: leaves(value), variables: context, done: done.splice(0) };
  };
  actor.start();
  return [moment(), ...events.map(([type, data]) => (actor.send({ ...data, type }), moment()))];
};

const { documents, walks } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const done = [];
const machines = documents.map((text) =>
  machineOf(text, Object.fromEntries(namesOf(text).map((name) => [name, () => void done.push(name)]))));
process.stdout.write(JSON.stringify(walks.map(({ document, events }) => walk(machines[document], done, events))));
