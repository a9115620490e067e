// Runs SCXML documents in SCION.
//
// Standard input: {"documents": [text], "walks": [{"document": index, "events": [[name, data]]}]}.
// Standard output: for each walk, the moments after the start and after each event: {"states", "variables", "done"}.

const { documentStringToModel, core } = require("@scion-scxml/scxml");
const { promisify } = require("node:util");

const modelOf = async (text) => {
  const document = await promisify(documentStringToModel)("chart.scxml", text);
  return promisify(document.prepare.bind(document))();
};

const walk = (model, events) => {
  let done = [];
  // The variables belong to the model; without params, a second machine would go on with those of the first.
  const machine = new core.Statechart(model, { params: {}, console: { log: (effect) => done.push(effect) } });
  const moment = () => {
    const [states, , , variables] = machine.getSnapshot();
    const now = { states, variables: variables ?? {}, done };
    done = [];
    return now;
  };
  for (const failure of ["onError", "error"]) machine.on(failure, (error) => { throw new Error(JSON.stringify(error)); });
  machine.start();
  return [moment(), ...events.map(([name, data]) => (machine.gen(name, data), moment()))];
};

const main = async () => {
  const { documents, walks } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
  const models = await Promise.all(documents.map(modelOf));
  process.stdout.write(JSON.stringify(walks.map(({ document, events }) => walk(models[document], events))));
};

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
