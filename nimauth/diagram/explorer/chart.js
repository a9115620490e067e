// The data of the page, with what it refers to by number put in place.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (things) => new Map(things.map((thing) => [thing.id, thing]));
const chart = data.chart;
for (const guard of chart.guards) guard.condition = chart.conditions[guard.condition];
chart.transitions = chart.transitions.map(([event, source, target, guards, effects, rules, main, drawn], index) => ({
  index,
  event: chart.events[event].id,
  source: chart.states[source].id,
  target: target === null ? null : chart.states[target].id,
  guards: guards.map((number) => chart.guards[number]),
  effects: effects.map((number) => chart.effects[number]),
  rules,
  main: main === 1,
  drawn: drawn === 1,
}));
chart.stateOf = byId(chart.states);
chart.eventOf = byId(chart.events);
chart.groupOf = byId(chart.groups);
chart.variableOf = byId(chart.variables);
chart.parameterOf = byId(chart.parameters);
chart.ruleOf = byId(chart.rules);
