// Following a trace or a service, and taking over from it.

function follow(what, configuration) {
  mode = what;
  followed = configuration;
  draw();
}

// Go on by hand from wherever the page has followed to.
function takeOver() {
  const { state, values } = now();
  const begin = start();
  const differing = chart.variables.filter(({ id }) => values[id] !== begin.values[id] && chart.variableOf.get(id).values.some((one) => one.id === values[id]));
  mode = MODES.HAND;
  leaveLive();
  walk([
    ...(state === begin.state ? [] : [{ state }]),
    ...differing.map(({ id }) => ({ variable: id, value: values[id] })),
  ]);
  draw();
  center();
  goButtons()[0]?.focus();
}
