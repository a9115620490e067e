// What the session knows: variables that guards look at, and that the reader may change.

// A few values are buttons, more are a list.
function choice(thing, value, isOff, change) {
  const label = say(thing.label) || named(thing.id);
  const few = thing.values.length <= 3 && thing.values.every((one) => say(one.label).length <= 12);
  if (!few) {
    const list = make("select", { disabled: isOff, "aria-label": label },
      thing.values.map((one, number) => make("option", { value: number, selected: one.id === value }, say(one.label))));
    list.addEventListener("change", () => change(thing.values[list.selectedIndex]));
    return make("label", { class: "choice" }, make("span", {}, label), list);
  }
  const name = `${thing.kind}-${thing.id}`;
  return make(
    "fieldset",
    { class: "choice", disabled: isOff },
    make("legend", {}, label),
    make("div", { class: "few" }, thing.values.map((one) => {
      const radio = make("input", { type: "radio", name, checked: one.id === value });
      radio.addEventListener("change", () => change(one));
      return make("label", {}, radio, make("span", {}, say(one.label) || named(one.id)));
    })),
  );
}

function drawValues() {
  const { values } = now();
  // What has the focus is drawn anew; give it back.
  const place = focusIn($("variables"));
  const untold = mode === MODES.TRACE ? data.recording.forget : [];
  $("variables").replaceChildren(
    ...chart.variables.filter(({ id }) => !untold.includes(id)).map((variable) =>
      choice({ ...variable, kind: "v" }, values[variable.id], mode !== MODES.HAND, (value) => {
        take({ variable: variable.id, value: value.id });
        draw();
        tell(word("set", say(variable.label), say(value.label)));
      })),
  );
  place();
  $("knows-hint").textContent = word({ [MODES.LIVE]: "knowsLive", [MODES.TRACE]: "knowsTrace", [MODES.HAND]: "knowsHint" }[mode]);
  $("knows").hidden = chart.variables.length === 0 || !isKnown();
  const means = outlook().filter((one) => one.means || one.asked.length > 0);
  const used = chart.parameters.filter(({ id }) => means.some(({ event }) => event.carries.includes(id)));
  const back = focusIn($("parameters"));
  $("parameters").hidden = mode === MODES.LIVE; // nobody asks for them
  $("parameters").replaceChildren(
    ...used.map((parameter) =>
      choice({ ...parameter, kind: "p", label: `${word("carries")}: ${say(parameter.label)}` },
        chosen[parameter.id] ?? parameter.values[0]?.id, mode !== MODES.HAND, (value) => {
          chosen = { ...chosen, [parameter.id]: value.id };
          draw();
        })),
  );
  back();
}

function focusIn(holder) {
  const controls = () => [...holder.querySelectorAll("input, select")];
  const number = controls().indexOf(document.activeElement);
  return () => number >= 0 && controls()[number]?.focus();
}
