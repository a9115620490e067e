// The link: a path in the address, and back.

// #/login;account=a/@network=no/!connecting: events, variables, and a state to begin in. A name that no address can
// hold goes by its number.
function inLink(id, things) {
  try {
    return encodeURIComponent(id).replace(/~/g, "%7E");
  } catch {
    return `~${things.findIndex((thing) => thing.id === id)}`;
  }
}

function fromLink(text, things) {
  const thing = /^~\d+$/.test(text)
    ? things[Number(text.slice(1))]
    : things.find(({ id }) => id === decodeURIComponent(text));
  if (!thing) throw new RangeError(text);
  return thing;
}

function fragment() {
  const parts = steps.slice(0, at).map((step) => {
    if ("state" in step) return `!${inLink(step.state, chart.states)}`;
    if ("variable" in step) {
      const { values } = chart.variableOf.get(step.variable);
      return `@${inLink(step.variable, chart.variables)}=${inLink(step.value, values)}`;
    }
    const params = Object.entries(step.params).filter(([id]) => chart.parameterOf.has(id)).map(
      ([id, value]) => `;${inLink(id, chart.parameters)}=${inLink(value, chart.parameterOf.get(id).values)}`);
    return inLink(step.event, chart.events).replace(/^!/, "%21") + params.join("");
  });
  return parts.length ? `#/${parts.join("/")}` : "";
}

// The steps of a fragment. Throws RangeError or URIError for what is none.
function pathOf(text) {
  if (text === "" || text === "#") return [];
  if (!text.startsWith("#/")) throw new RangeError(text);
  const parts = text.slice(2).split("/");
  if (parts.length > MAX_LINK) throw new RangeError(text);
  return parts.map((one) => {
    if (one.startsWith("!")) return { state: fromLink(one.slice(1), chart.states).id };
    if (one.startsWith("@")) {
      const [id, value, more] = one.slice(1).split("=");
      const variable = fromLink(id, chart.variables);
      if (value === undefined || more !== undefined) throw new RangeError(one);
      return { variable: variable.id, value: fromLink(value, variable.values).id };
    }
    const [id, ...given] = one.split(";");
    const event = fromLink(id, chart.events);
    const told = given.map((pair) => {
      const [name, value, more] = pair.split("=");
      const parameter = fromLink(name, chart.parameters);
      if (!event.carries.includes(parameter.id) || value === undefined || more !== undefined) throw new RangeError(pair);
      return [parameter.id, fromLink(value, parameter.values).id];
    });
    return { event: event.id, params: paramsOf(event, Object.fromEntries(told)) };
  });
}

// Whether each of its events is taken where it comes: by hand, no other can be.
function isPath(path) {
  let here = start();
  for (const step of path) {
    const then = after(here, step);
    if ("event" in step && !look(here, step.event, step.params).row && same(then, here)) return false;
    here = then;
  }
  return true;
}

let written = null; // when the address will be written; browsers do not like it often

function writeLink() {
  clearTimeout(written);
  written = setTimeout(() => {
    const link = mode === MODES.HAND && at <= MAX_LINK ? fragment() : "";
    if (link !== location.hash) history.replaceState(null, "", link || location.pathname + location.search);
  }, 300);
}

function readLink() {
  if (mode !== MODES.HAND || location.hash === fragment()) return;
  try {
    const path = pathOf(location.hash);
    if (!isPath(path)) throw new RangeError(location.hash);
    walk(path);
    notify("");
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof URIError)) throw error;
    walk([]);
    notify(word("badLink"));
  }
  draw();
  center();
}

async function copyLink() {
  if (at > MAX_LINK) return notify(word("longLink", MAX_LINK));
  const link = fragment();
  history.replaceState(null, "", link || location.pathname + location.search);
  try {
    await navigator.clipboard.writeText(location.href);
  } catch {
    return notify(word("linkHere"));
  }
  return notify(word("linkCopied"));
}
