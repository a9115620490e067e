// Runs a chart. A configuration is {state, values}; no function here changes one that it was given.

const start = () => ({
  state: chart.initial,
  values: Object.fromEntries(chart.variables.map((variable) => [variable.id, variable.initial])),
});

const holds = ([variable, equal, value], values, params) => (values[variable] === meant(value, values, params)) === equal;

// A value is a string, or {carried: the name of a parameter}, or {known: the name of a variable}.
const meant = (value, values, params) =>
  typeof value === "string" ? value : value.known === undefined ? params[value.carried] : values[value.known];

function assigned(sets, values, params) {
  let now = values;
  for (const [variable, value, when] of sets) {
    if (!when || holds(when, now, params)) now = { ...now, [variable]: meant(value, now, params) };
  }
  return now;
}

const rows = new Map();
for (const row of chart.transitions) {
  const key = row.source + "\n" + row.event;
  rows.set(key, [...(rows.get(key) ?? []), row]);
}

// What an event could do in a state, whatever the session knows.
const possible = (state, id) => (rows.get(state + "\n" + id) ?? []).filter(({ drawn }) => drawn);

// What an event would do: every row that is asked, with each guard's answer, the row that is taken, and what comes of it.
function look(at, id, params) {
  const event = chart.eventOf.get(id);
  const values = assigned(event.sets, at.values, params);
  const asked = [];
  for (const row of rows.get(at.state + "\n" + id) ?? []) {
    const guards = row.guards.map((guard) => ({ guard, agrees: holds(guard.condition, values, params) }));
    const taken = guards.every((one) => one.agrees);
    asked.push({ row, guards, taken });
    if (taken) {
      const after = row.effects.reduce((now, effect) => assigned(effect.sets, now, params), values);
      return { asked, row, after: { state: row.target ?? at.state, values: after } };
    }
  }
  return { asked, row: null, after: { state: at.state, values } };
}

// The parameters of an event, each with the value that is chosen for it or else its first.
const paramsOf = (event, chosen) =>
  Object.fromEntries(
    event.carries.map((id) => {
      const values = chart.parameterOf.get(id)?.values ?? [];
      const value = values.some((one) => one.id === chosen[id]) ? chosen[id] : values[0]?.id;
      return [id, value ?? ""];
    }),
  );
