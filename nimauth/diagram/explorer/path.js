// The path: what has happened, and the way back.

function stepName(step) {
  if ("event" in step) {
    const params = Object.entries(step.params).map(([id, value]) => labelOf(chart.parameterOf.get(id), value));
    return params.length ? `${named(step.event)} (${params.join(", ")})` : named(step.event);
  }
  if ("variable" in step) {
    const variable = chart.variableOf.get(step.variable);
    return word("set", say(variable.label), labelOf(variable, step.value));
  }
  return word("startsAt", named(step.state));
}

const labelOf = (thing, value) => say(thing?.values.find(({ id }) => id === value)?.label) || named(String(value));

function drawPath() {
  const stop = (number, name) =>
    make("li", { class: number > at ? "undone" : null },
      make("button", {
        type: "button",
        "aria-current": number === at ? "step" : null,
        onclick: () => {
          at = number;
          draw();
          center();
          $("steps").querySelector("[aria-current]")?.focus();
        },
      }, make("span", { class: "step" }, name), make("span", { class: `stop ${roleOf(stops[number].state)}` }, named(stops[number].state))));
  $("path").hidden = mode !== MODES.HAND;
  $("steps").replaceChildren(...(steps.length ? [stop(0, word("begin")), ...steps.map((step, index) => stop(index + 1, stepName(step)))] : []));
  $("no-steps").hidden = steps.length > 0;
  $("back").disabled = at === 0;
  $("reset").disabled = steps.length === 0;
}

// A button that has done all it can is off, and what it had of the reader's attention goes to the state.
function keepFocus() {
  if (document.activeElement === null || document.activeElement === document.body || document.activeElement.disabled) $("state").focus();
}

function back() {
  if (mode !== MODES.HAND || at === 0) return;
  at--;
  draw();
  keepFocus();
  travel(null);
  center();
  tell(word("nowIn", word("back"), named(now().state)));
}

function reset() {
  if (mode !== MODES.HAND) return;
  walk([]);
  draw();
  keepFocus();
  travel(null);
  center();
  tell(word("nowIn", word("reset"), named(now().state)));
}
