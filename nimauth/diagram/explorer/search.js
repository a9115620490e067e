// Is a trace possible? All the ways in which the lines so far can be explained are followed at once.
//
// A *node* is a configuration of the chart in which every account is called alike. A *way* is a node with what it owes
// the trace: a status or a result that the last step must yet show. The names are those of
// nimauth/conformance/traces, whose rules these are; what is said of states and events comes with the chart.

const NOT = 0;
const MAY = 1;
const MUST = 2;
const PLAIN = 0;
const BETWEEN_RETRIES = 1;
const ENDING = 2;
const STARTING = 3; // shows the status that it begins with, and then logs in by itself
const MAX_OWED = 3;
const MAX_NAMES = 8;
const LOOK_AHEAD = 8192;
const MAX_HELD = 4_000_000;

// The nodes of the chart, and the steps between them.
class Nodes {
  constructor(recording) {
    this.recording = recording;
    this.nodes = [];
    this.numbers = new Map();
    this.steps = new Map();
  }

  of({ state, values }) {
    const { accounts, nobody, who, forget } = this.recording;
    const plain = { ...values };
    for (const id of accounts) if (plain[id] !== nobody) plain[id] = who;
    for (const id of forget) plain[id] = chart.variableOf.get(id).initial;
    const key = JSON.stringify([state, ...chart.variables.map((variable) => plain[variable.id])]);
    if (!this.numbers.has(key)) {
      const [variable, value] = this.recording.manual;
      const known = accounts.some((id) => plain[id] !== nobody);
      this.numbers.set(key, this.nodes.length);
      this.nodes.push({ state, values: plain, manual: plain[variable] === value, known });
    }
    return this.numbers.get(key);
  }

  // What an event does: {target, shows, result, event}; null where it means nothing.
  step(number, event, account = this.recording.who) {
    const key = number + "\n" + event + "\n" + account;
    if (!this.steps.has(key)) {
      const { parameter, result } = this.recording;
      const { row, after } = look(this.nodes[number], event, { [parameter]: account });
      const target = this.of(after);
      const tells = row?.effects.some((effect) => effect.name === result.effect) ?? false;
      this.steps.set(
        key,
        row || target !== number
          ? {
              target,
              shows: row !== null && row.target !== null,
              result: tells ? result.ok.includes(event) : null,
              event,
            }
          : null,
      );
    }
    return this.steps.get(key);
  }

  begin(values) {
    const at = start();
    return this.of({ state: at.state, values: { ...at.values, ...values } });
  }

  // How a fresh process begins that finds what this one saved.
  processes(number) {
    const { values } = this.nodes[number];
    const saved = Object.fromEntries(this.recording.saved.map((id) => [id, values[id]]));
    return this.recording.anew.map((anew) => this.begin({ ...saved, ...anew }));
  }

  connectingAgain(number) {
    return this.of({ ...this.nodes[number], state: this.recording.states.connecting });
  }

  // After a login that failed without anything being shown.
  voided(number) {
    const { login, cancel } = this.recording.events;
    return this.step(this.step(number, login, this.recording.another).target, cancel).target;
  }
}

// What comes of a way unseen, and what a line makes of it. `who` is the number of an account; [numbers] for one of
// which it is only known that it is none of these; null for nobody. Each step is [way, event or null].
class Steps {
  constructor(nodes, hidden) {
    this.nodes = nodes;
    this.recording = nodes.recording;
    this.groups = Object.fromEntries(Object.entries(this.recording.groups).map(([name, ids]) => [name, new Set(ids)]));
    this.hidden = hidden;
    this.allowed = new Set(this.recording.tolerances);
  }

  node(way) {
    return this.nodes.nodes[way.node];
  }

  *beginnings() {
    for (const values of this.recording.beginnings) yield* this.begun(this.first(this.nodes.begin(values), []));
  }

  *unseen(way) {
    if (way.mood === STARTING) {
      if (way.due !== MUST) yield this.logsInByItself(way, this.recording.who);
    } else if (way.due !== MUST) {
      if (way.result === null || this.allowed.has("late-result")) {
        const found = new Set();
        for (const event of this.recording.hidden) {
          const step = this.nodes.step(way.node, event);
          if (!step || !this.fits(way, step)) continue;
          const alike = [step.target, step.shows, step.result].join();
          if (!found.has(alike)) yield [this.after(way, step), event];
          found.add(alike);
        }
        if (this.hidden.has("logout")) yield* this.logsOut(way);
      }
      if (this.hidden.has("login")) {
        yield* this.logsIn(way, []);
        if (!this.hidden.has("login_result")) yield* this.isRefused(way);
      }
    }
    if (this.hidden.has("start")) for (const fresh of this.fresh(way)) yield* this.begun(fresh);
  }

  fits(way, step) {
    const { state } = this.nodes.nodes[step.target];
    if (way.mood === BETWEEN_RETRIES) return !step.shows || !this.groups.underWay.has(state);
    return way.mood !== ENDING || this.groups.ended.has(state);
  }

  after(way, step) {
    const who = this.nodes.nodes[step.target].known ? way.who : null;
    if (!step.shows && step.result === null) return { ...way, node: step.target, who };
    return {
      node: step.target,
      who,
      due: step.shows ? MUST : way.due,
      result: step.result === null || this.hidden.has("login_result") ? way.result : step.result,
      owed: way.owed,
      mood: PLAIN,
    };
  }

  first(node, who) {
    return { node, who: this.nodes.nodes[node].known ? who : null, due: MAY, result: null, owed: 0, mood: PLAIN };
  }

  fresh(way) {
    return this.nodes.processes(way.node).map((node) => this.first(node, way.who));
  }

  *begun(fresh) {
    yield [fresh, null];
    if (fresh.who !== null) yield* this.autoLogin(fresh, this.recording.who);
  }

  *autoLogin(fresh, account) {
    const [then, event] = this.logsInByItself(fresh, account);
    yield [then, event];
    if (then.due === MUST) yield [{ ...fresh, due: MUST, mood: STARTING }, null];
  }

  logsInByItself(fresh, account) {
    const event = this.recording.events.autoLogin;
    const step = this.nodes.step(fresh.node, event, account);
    return [step.shows ? this.after(fresh, step) : fresh, event];
  }

  *take(way, symbol) {
    if (symbol.spelling) {
      for (const then of this.shown(way, symbol.spelling)) yield [then, null];
    } else if (symbol.kind === "start") yield* this.started(way, symbol.what);
    else if (symbol.kind === "login") {
      yield* this.logsIn(way, symbol.what === undefined ? [] : symbol.what);
      yield* this.isRefused(way);
    } else if (symbol.kind === "logout") yield* this.logsOut(way);
    else for (const then of this.told(way, symbol.what)) yield [then, null];
  }

  *shown(way, { states }) {
    const { state, manual } = this.node(way);
    const { steps, underWay, online, between, ended } = this.groups;
    const { out, broken, connecting } = this.recording.states;
    const means = (group) => states.some((one) => group.has(one));
    const may = (tolerance) => this.allowed.has(tolerance);
    if (way.mood === BETWEEN_RETRIES) {
      if (states.includes(connecting)) yield { ...way, mood: PLAIN };
      if (means(between) && may("shown-again")) yield way;
      return;
    }
    if (way.mood === ENDING) return;
    const instead = state === out && states.includes(broken) && may("net-broken-when-out");
    if (way.due !== NOT) {
      if (states.includes(state) || instead) yield { ...way, due: NOT };
      if (way.due === MUST) return;
    } else if (states.includes(state)) {
      if (may(steps.has(state) ? "repeated-steps" : "shown-again")) yield way;
    } else if (instead) yield way;
    if (manual && means(between) && may("login-retried")) {
      yield { ...way, node: this.nodes.connectingAgain(way.node), due: NOT, mood: BETWEEN_RETRIES };
    }
    if (states.includes(out)) {
      if ((underWay.has(state) || online.has(state)) && may("unlogin-before-verdict")) {
        yield { ...way, due: NOT, mood: ENDING };
      }
      if (ended.has(state) && may("unlogin-after-verdict")) yield way;
    }
  }

  *told(way, ok) {
    if (way.result === ok) yield { ...way, result: null };
    if (!ok && way.owed) {
      yield { ...way, owed: way.owed - 1 };
      if (way.owed === MAX_OWED) yield way;
    }
  }

  *logsIn(way, who) {
    if (way.due === MUST || way.result !== null || way.mood === STARTING) return;
    const { login } = this.recording.events;
    const step = this.nodes.step(way.node, login, this.recording.another);
    if (step) yield [{ ...this.after(way, step), who }, login];
  }

  *isRefused(way) {
    const { state, manual } = this.node(way);
    if (!this.allowed.has("refused-call") || way.mood === ENDING || way.mood === STARTING || (way.due === MUST && !manual)) return;
    let at = way;
    if (this.groups.idle.has(state) || this.groups.between.has(state)) {
      // It could have been taken, so it failed: what was saved is void.
      at = { ...way, node: this.nodes.voided(way.node), who: null, mood: PLAIN };
    }
    yield [{ ...at, owed: this.hidden.has("login_result") ? 0 : Math.min(at.owed + 1, MAX_OWED) }, null];
  }

  *logsOut(way) {
    if (way.due === MUST || way.mood === STARTING || (way.result !== null && !this.allowed.has("late-result"))) return;
    const { logout } = this.recording.events;
    const step = this.nodes.step(way.node, logout);
    if (step) yield [this.after(way, step), logout];
  }

  *started(way, account) {
    const { who, another } = this.recording;
    for (const fresh of this.fresh(way)) {
      if (account === null) yield [fresh, null];
      else if (account === undefined) {
        yield* this.begun(fresh);
        yield* this.autoLogin(fresh, another);
      } else {
        const of = fresh.who;
        const isUnknown = Array.isArray(of);
        if (of === null || (isUnknown ? of.includes(account) : of !== account)) {
          yield* this.autoLogin(fresh, another);
          continue;
        }
        if (isUnknown) yield* this.autoLogin({ ...fresh, who: [...of, account].sort() }, another);
        const same = { ...fresh, who: account };
        yield* this.autoLogin(same, who);
      }
    }
  }
}

// The sets of ways that lines lead through, for traces in which the same kinds of call are hidden. What a line makes of
// a set is remembered: a long trace meets the same few hundred sets again and again.
class Search {
  constructor(nodes, hidden) {
    this.steps = new Steps(nodes, hidden);
    this.hidden = hidden;
    this.ways = [];
    this.numbers = new Map();
    this.onward = new Map();
    this.sets = new Map();
    this.held = 0;
  }

  number(way) {
    const key = `${way.node},${JSON.stringify(way.who)},${way.due},${way.result},${way.owed},${way.mood}`;
    if (!this.numbers.has(key)) {
      this.numbers.set(key, this.ways.length);
      this.ways.push(way);
    }
    return this.numbers.get(key);
  }

  begin() {
    return this.set(new Set([...this.steps.beginnings()].map(([way]) => this.number(way))), null);
  }

  // The same ways, in this search: from here on fewer kinds of call are hidden.
  adopt(set, of) {
    const held = [...set.closed].map((number) => [of.ways[number], number]);
    if (of.hidden.has("login_result") && !this.hidden.has("login_result")) {
      for (const [way, number] of [...held]) {
        // Nobody kept what a login that is over has yet to tell.
        if (!this.steps.node(way).manual) held.push(...[true, false].map((result) => [{ ...way, result }, number]));
      }
    }
    const taken = held.map(([way, number]) => ({ from: number, to: this.number(way), event: null }));
    return { taken, target: this.set(new Set(taken.map(({ to }) => to)), set.last) };
  }

  // What a line makes of a set: {target, taken: [{from, to, event}], keep: the accounts' old numbers}; null: it cannot be.
  follow(set, symbol) {
    if (!set.next.has(symbol)) set.next.set(symbol, this.move(set, symbol));
    return set.next.get(symbol);
  }

  move(set, symbol) {
    const taken = [];
    for (const from of set.closed) {
      let steps = [...this.steps.take(this.ways[from], symbol)];
      if (!symbol.spelling && symbol.kind !== "start") steps = this.withSilent(this.ways[from], steps, set.last);
      for (const [way, event] of steps) taken.push({ from, way, event });
    }
    if (taken.length === 0) return null;
    const live = new Set();
    const firmly = new Set();
    for (const { way } of taken) {
      if (Array.isArray(way.who)) way.who.forEach((name) => live.add(name));
      else if (way.who !== null) firmly.add(way.who);
    }
    const keep = [...firmly, ...[...live].filter((name) => !firmly.has(name))]
      .sort((a, b) => firmly.has(b) - firmly.has(a) || (b === MAX_NAMES) - (a === MAX_NAMES) || a - b)
      .slice(0, MAX_NAMES);
    const anew = new Map(keep.map((name, number) => [name, number]));
    for (const one of taken) {
      const { who } = one.way;
      const renamed = Array.isArray(who)
        ? who.filter((name) => anew.has(name)).map((name) => anew.get(name)).sort()
        : who === null ? null : anew.get(who) ?? [];
      one.to = this.number({ ...one.way, who: renamed });
      delete one.way;
    }
    this.held += taken.length;
    return { target: this.set(new Set(taken.map(({ to }) => to)), symbol.spelling ?? set.last), taken, keep };
  }

  // `closed` has the entries, and all that can come of them unseen.
  set(entries, last) {
    const key = [...entries].sort((a, b) => a - b).join() + "/" + (last?.name ?? "");
    if (!this.sets.has(key)) {
      const closed = new Set(entries);
      for (const number of closed) for (const [then] of this.unseen(number, last)) closed.add(then);
      this.held += closed.size;
      this.sets.set(key, { entries, closed, last, next: new Map() });
    }
    return this.sets.get(key);
  }

  unseen(number, last) {
    if (!this.onward.has(number)) this.onward.set(number, [...this.steps.unseen(this.ways[number])]);
    const way = this.ways[number];
    return this.withSilent(way, this.onward.get(number), last).map(([then, event]) => [this.number(then), event]);
  }

  // The steps, and again those that lead on within what was shown last: they need not show that again.
  withSilent(way, steps, last) {
    const within = (one) => last.states.includes(this.steps.node(one).state);
    if (!last || !within(way)) return steps;
    if (!this.steps.allowed.has("not-shown-again") && !last.several) return steps;
    const again = steps.filter(([then]) => then.due === MUST && within(then));
    return [...steps, ...again.map(([then, event]) => [{ ...then, due: NOT }, event])];
  }
}

// Follows one trace. `wrong` is the index of the first line that cannot be, or -1; `at(index)` tells how the lines
// before it can be explained: {state, values, unseen: [events before the line], event: what the line itself was}.
class Explanation {
  constructor(lines, recording) {
    this.lines = lines;
    this.nodes = new Nodes(recording);
    this.recording = recording;
    this.searches = new Map();
    this.recorded = new Set();
    this.symbols = new Map();
    this.moves = [];
    this.wrong = -1;
    this.tooMuch = false;
    this.isBeginning = true;
    this.allowed = [];
    this.forwards();
    this.backwards();
  }

  // A kind of call of which the trace tells one is recorded, and what it does not tell did not happen; of the others
  // anything may have happened unseen. So many lines are looked at together.
  searchFrom(index) {
    for (const { kind, records } of this.lines.slice(index, index + LOOK_AHEAD)) {
      for (const one of [kind, ...records]) this.recorded.add(one);
    }
    const hidden = this.recording.kinds.filter((kind) => !this.recorded.has(kind));
    const key = hidden.join();
    if (!this.searches.has(key)) this.searches.set(key, new Search(this.nodes, new Set(hidden)));
    return this.searches.get(key);
  }

  // One object for each different line, so that a set finds it.
  symbol(kind, what, spelling) {
    const key = spelling ? "=" + spelling.name : kind + ":" + String(what);
    if (!this.symbols.has(key)) this.symbols.set(key, { kind, what, spelling });
    return this.symbols.get(key);
  }

  symbolOf({ kind, value }, names) {
    if (kind === null) return value?.states.length ? this.symbol(null, null, value) : null;
    if (kind === "login_result" || typeof value !== "string") return this.symbol(kind, value);
    const number = names.indexOf(value);
    return this.symbol(kind, number < 0 ? MAX_NAMES : number);
  }

  forwards() {
    let search = this.searchFrom(0);
    let set = search.begin();
    let names = [];
    this.first = search;
    for (const [index, line] of this.lines.entries()) {
      if (index > 0 && index % LOOK_AHEAD === 0) {
        const now = this.searchFrom(index);
        if (now !== search) {
          const { target, taken } = now.adopt(set, search);
          this.moves.push({ search, set, taken, target, then: now, index: -1 });
          [search, set] = [now, target];
        }
      }
      const symbol = this.symbolOf(line, names);
      if (symbol === null) continue;
      const move = search.follow(set, symbol);
      if (move === null) {
        this.wrong = index;
        this.allowed = this.possible(search, set, symbol);
        break;
      }
      if (search.held > MAX_HELD) {
        this.tooMuch = true;
        this.wrong = index;
        break;
      }
      this.moves.push({ search, set, taken: move.taken, target: move.target, then: search, index });
      names = move.keep.map((number) => (number === MAX_NAMES ? line.value : names[number]));
      set = move.target;
      this.isBeginning = false;
    }
    this.last = { search, set };
  }

  // All that a line could have told there: statuses, and calls.
  possible(search, set) {
    const can = (symbol) => search.follow(set, symbol) !== null;
    const statuses = this.recording.statuses.filter((name) => can(this.symbol(null, null, this.recording.byName.get(name))));
    const calls = [
      ["login", "login", MAX_NAMES],
      ["login_result ok", "login_result", true],
      ["login_result not ok", "login_result", false],
      ["logout", "logout", null],
      ["start", "start", null],
    ].filter(([, kind, what]) => !search.hidden.has(kind) && can(this.symbol(kind, what)));
    return [...statuses, ...calls.map(([name]) => name)];
  }

  // Choose one way for each line, from the last back to the first: always the cheapest that leads on.
  backwards() {
    this.chosen = new Map();
    const { search, set } = this.last;
    let entry = cheapest([...set.entries], (number) => cost(search.ways[number]));
    for (const move of [...this.moves].reverse()) {
      const prices = pricesOf(move.search, move.set);
      const step = cheapest(move.taken.filter(({ to }) => to === entry), ({ from }) => prices.get(from).price);
      if (move.index >= 0) this.chosen.set(move.index, { move, step });
      entry = step.from;
      while (prices.get(entry).from !== null) entry = prices.get(entry).from;
    }
    this.root = entry;
  }

  at(index) {
    const chosen = this.chosen.get(index);
    if (!chosen) return null;
    const { move, step } = chosen;
    const prices = pricesOf(move.search, move.set);
    const unseen = [];
    for (let came = prices.get(step.from); came.from !== null; came = prices.get(came.from)) {
      if (came.event) unseen.unshift(came.event);
    }
    const { state, values } = this.nodes.nodes[move.then.ways[step.to].node];
    return { state, values, unseen, event: step.event };
  }

  // Before the first line.
  get origin() {
    const { state, values } = this.nodes.nodes[this.first.ways[this.root].node];
    return { state, values };
  }
}

// The less, the likelier: what needs no tolerance.
const cost = (way) => 40 * (way.mood === BETWEEN_RETRIES || way.mood === ENDING) + 10 * way.owed + 20 * (way.due === MUST) + 5 * (way.result !== null);

const cheapest = (things, price) => things.reduce((best, one) => (price(one) < price(best) ? one : best));

// How each way of a set came out of its entries at the least price: {price, from, event}.
function pricesOf(search, set) {
  if (!set.prices) {
    set.prices = new Map(
      [...set.entries].map((number) => [number, { price: cost(search.ways[number]), from: null, event: null }]),
    );
    const work = [...set.entries];
    for (const from of work) {
      const price = set.prices.get(from).price + 1;
      for (const [then, event] of search.unseen(from, set.last)) {
        if (price < (set.prices.get(then)?.price ?? Infinity)) {
          set.prices.set(then, { price, from, event });
          work.push(then);
        }
      }
    }
  }
  return set.prices;
}
