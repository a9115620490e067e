#!/usr/bin/env node
// A login client of its own, in plain JavaScript (Node 18 or later), to put under nimauth's conformance tests:
//
//     nimauth conform -- node examples/client.mjs
//
// The first half is the client, as an app would have it. The second half is the adapter of docs/adapter.md around it.
// R1 to R15 are the rules of the login lifecycle.

// What the server says, and where it leads.
const VERDICTS = new Map([
  ["displaced", { state: "kick_out", code: 417 }],
  ["kicked_by_server", { state: "kick_out", code: 417 }],
  ["kicked_by_client", { state: "kick_out_by_other_client", code: 417 }],
  ["forbidden", { state: "forbidden", code: 422 }],
  ["credentials", { state: "pwd_error", code: 302 }],
  ["version", { state: "version_error", code: 201 }],
  ["data_upgrade", { state: "data_upgrade", code: 0 }],
]);
const VERDICT_CODES = new Map([
  [302, "credentials"], [102302, "credentials"], [102404, "credentials"],
  [403, "forbidden"], [422, "forbidden"], [102422, "forbidden"],
  [417, "displaced"], // R12
  [201, "version"], [20003, "version"],
]);
const HOPELESS_CODES = new Set([404, 414, 1000, 191004, 101301, 101302, 101303, 101304, 101305, 101403]);
const [OK, TIMED_OUT, NO_NETWORK, CANCELLED] = [200, 408, 415, 191002];

const TRYING = new Set(["connecting", "logging"]);
const ONLINE = new Set(["logged_in", "data_sync_start", "data_sync_finish"]);
const BETWEEN_TRIES = new Set(["waiting", "net_broken"]);

class NotAllowed extends Error {}

/** The login of one app. `app` carries out what it decides: it has the link, the store, the database and the screen. */
class LoginClient {
  state = "un_login";
  #app;
  #network;
  #allowed; // the account that may log in by itself, or null (R1)
  #forbiddenBy = "R2"; // while nobody may: the rule that says so
  #login = null; // the login that is tried, or online
  #attempt = null; // how: "manual" or "auto", and "resume" once it has been online
  #retryArmed = false;
  #dataOf = null; // the account whose local data is open

  constructor(app, saved, network) {
    this.#app = app;
    this.#network = network;
    this.#allowed = saved === null ? null : saved.account; // only a success is ever saved (R2, R6)
  }

  // The host calls. One that the state does not allow throws, and changes nothing.

  initialize(autoLogin) {
    if (autoLogin === null) return;
    if (this.#trying || this.#online || this.#betweenTries) throw new NotAllowed("a login is under way; log out first");
    if (this.#allowed === null) return this.#app.autoLoginRefused(this.#forbiddenBy);
    if (this.#allowed !== autoLogin.account) return this.#app.autoLoginRefused("R1");
    this.#openData(autoLogin.account); // at once, even with no network (R9)
    this.#connect(autoLogin, "auto");
  }

  login(login) {
    if (this.#trying || this.#online) throw new NotAllowed("a login is under way; log out first");
    this.#disarmRetry();
    this.#forbidAutoLogin("login_started", "R3"); // until it has succeeded: the process may die on the way
    if (this.#dataOf !== null && this.#dataOf !== login.account) this.#closeData();
    this.#connect(login, "manual");
  }

  cancel() {
    if (!this.#loginPending) throw new NotAllowed("no login that was called is under way; nothing to cancel");
    this.#loginFailed(CANCELLED);
  }

  logout() {
    const pending = this.#loginPending;
    if (this.#online) this.#app.sendLogout();
    if (this.#trying || this.#online) this.#app.closeLink();
    this.#disarmRetry();
    this.#forbidAutoLogin("logged_out", "R13");
    this.#closeData();
    if (pending) this.#app.loginResult(false, CANCELLED);
    this.#enter("un_login");
  }

  // What the device says.

  networkChanged(available) {
    this.#network = available;
    if (available) return this.cameToForeground();
    if (this.#trying || this.#online) return this.#lost(NO_NETWORK);
    if (this.state === "waiting") this.#enter("net_broken"); // the retry stays armed
  }

  cameToForeground() {
    if (this.#betweenTries) this.#reconnect();
  }

  retryDue() {
    if (!this.#betweenTries) return this.#app.dropped();
    this.#reconnect();
  }

  timedOut() {
    if (!this.#trying) return this.#app.dropped();
    this.#lost(TIMED_OUT);
  }

  // What the link says.

  linkOpened() {
    if (this.state !== "connecting") return this.#app.dropped();
    this.#app.sendLogin(this.#login, this.#attempt);
    this.#enter("logging");
  }

  accepted() {
    if (this.state !== "logging") return this.#app.dropped();
    const manual = this.#loginPending;
    if (manual) this.#saveLogin();
    if (this.#dataOf === null) this.#openData(this.#login.account);
    if (manual) this.#app.loginResult(true, OK);
    this.#attempt = "resume"; // from now on the client reconnects by itself (R8)
    this.#enter("logged_in");
  }

  /** No link, or no login on it: what counts is the code, not who said it. */
  refused(code) {
    if (VERDICT_CODES.has(code)) return this.ended(VERDICT_CODES.get(code), code);
    if (!this.#trying) return this.#app.dropped();
    if (!HOPELESS_CODES.has(code)) return this.#lost(code);
    if (this.#loginPending) return this.#loginFailed(code);
    this.#app.closeLink();
    this.#enter("un_login"); // no verdict: what is saved stays, but trying again is of no use
  }

  /** A verdict: nothing is tried any more until a person logs in (R4, R5). */
  ended(reason, code = VERDICTS.get(reason).code) {
    if (!this.#trying && !this.#online) return this.#app.dropped();
    const pending = this.#loginPending;
    this.#app.closeLink();
    this.#forbidAutoLogin(reason, reason === "version" ? "R5" : "R4");
    if (pending) this.#app.loginResult(false, code);
    this.#enter(VERDICTS.get(reason).state);
  }

  linkLost() {
    if (!this.#trying && !this.#online) return this.#app.dropped();
    this.#lost(NO_NETWORK);
  }

  /** The transport reconnects by itself: its link is on the way without our asking. */
  reconnecting() {
    if (!this.#betweenTries) return this.#app.dropped();
    this.#disarmRetry();
    this.#enter("connecting");
  }

  syncStarted() {
    if (!this.#online || this.state === "data_sync_start") return this.#app.dropped();
    this.#enter("data_sync_start");
  }

  syncFinished() {
    if (!this.#online || this.state === "data_sync_finish") return this.#app.dropped();
    this.#enter("data_sync_finish"); // with or without a start (R14)
  }

  // How it is done.

  get #trying() { return TRYING.has(this.state); }
  get #online() { return ONLINE.has(this.state); }
  get #betweenTries() { return BETWEEN_TRIES.has(this.state); }
  get #loginPending() { return this.#trying && this.#attempt === "manual"; }

  #connect(login, attempt) {
    this.#login = login;
    this.#attempt = attempt;
    this.#app.openLink();
    this.#enter("connecting");
  }

  #reconnect() {
    this.#disarmRetry();
    this.#connect(this.#login, this.#attempt);
  }

  /** A failure that may pass. A person's login reports it and stops (R7); the others are tried again (R8). */
  #lost(code) {
    if (this.#loginPending) return this.#loginFailed(code);
    this.#app.closeLink();
    this.#armRetry();
    this.#enter(this.#network ? "waiting" : "net_broken");
  }

  #loginFailed(code) {
    this.#app.closeLink();
    this.#forbidAutoLogin("failed", "R3"); // before the caller hears of it (R6)
    this.#app.loginResult(false, code);
    this.#enter("un_login");
  }

  #saveLogin() {
    this.#allowed = this.#login.account;
    this.#app.save(this.#login);
  }

  #forbidAutoLogin(reason, rule) {
    this.#allowed = null;
    this.#forbiddenBy = rule;
    this.#app.clear(reason);
  }

  #armRetry() {
    this.#retryArmed = true;
    this.#app.armRetry();
  }

  #disarmRetry() {
    if (!this.#retryArmed) return;
    this.#retryArmed = false;
    this.#app.disarmRetry();
  }

  #openData(account) {
    this.#dataOf = account;
    this.#app.openLocalData(account);
  }

  #closeData() {
    this.#dataOf = null;
    this.#app.closeLocalData();
  }

  #enter(state) {
    if (state === this.state) return;
    this.state = state;
    this.#app.showStatus(state);
  }
}

// ---- The adapter: the app is played by the tester, and what it is asked to do is written down. ----

const LONGEST = 65536; // bytes of a line
let out = [];
let client;

/** A state has the name of its status, but for `waiting`. */
const statusOf = (state) =>
  state === "waiting" ? "unLogin" : state.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
const note = (what, details) => out.push({ do: what, ...details });
const app = {
  openLink: () => note("open_link"),
  closeLink: () => note("close_link"),
  sendLogin: ({ account }, attempt) => note("send_login", { account, attempt }), // the token goes nowhere else
  sendLogout: () => note("send_logout"),
  save: ({ account }) => note("save", { account }),
  clear: (reason) => note("clear", { reason }),
  openLocalData: (account) => note("open_local_data", { account }),
  closeLocalData: () => note("close_local_data"),
  armRetry: () => note("arm_retry"),
  disarmRetry: () => note("disarm_retry"),
  loginResult: (ok, code) => note("login_result", { ok, code }),
  autoLoginRefused: (rule) => note("auto_login_refused", { rule }),
  showStatus: (state) => note("status", { status: statusOf(state) }),
  dropped: () => note("dropped"),
};

// What a line must have, and what is done with it.
const flag = (value) => typeof value === "boolean";
const code = (value) => Number.isInteger(value) && Math.abs(value) < 1e15;
const token = (value) => typeof value === "string";
const account = (value) => typeof value === "string" && value !== "" && !/\p{Surrogate}/u.test(value); // no half pair
const authType = (value) => value === undefined || [0, 1, 2].includes(value);
const reason = (value) => VERDICTS.has(value);
const savedLogin = (value) =>
  value === null || (typeof value === "object" && account(value.account) && token(value.token));
const INPUTS = new Map(Object.entries({
  start: [{ saved: savedLogin, network: flag }, (line) => { client = new LoginClient(app, line.saved, line.network); }],
  initialize: [{ auto_login: savedLogin }, (line) => client.initialize(line.auto_login)],
  login: [{ account, token, auth_type: authType }, (line) => client.login(line)],
  cancel: [{}, () => client.cancel()],
  logout: [{}, () => client.logout()],
  network: [{ available: flag }, (line) => client.networkChanged(line.available)],
  foreground: [{}, () => client.cameToForeground()],
  link_opened: [{}, () => client.linkOpened()],
  connect_failed: [{ code }, (line) => client.refused(line.code)],
  accepted: [{}, () => client.accepted()],
  refused: [{ code }, (line) => client.refused(line.code)],
  sync_started: [{}, () => client.syncStarted()],
  sync_finished: [{}, () => client.syncFinished()],
  link_lost: [{}, () => client.linkLost()],
  reconnecting: [{}, () => client.reconnecting()],
  ended: [{ reason }, (line) => client.ended(line.reason)],
  retry_due: [{}, () => client.retryDue()],
  timed_out: [{}, () => client.timedOut()],
}));

class BadLine extends Error {}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
// In JSON that is known to be good: the brackets, and the names, with a number's beginning if it is not written whole.
const NAMES = /("(?:[^"\\]+|\\.)*")(?:(\s*:)\s*(-?\d+[.eE])?)?|[{}[\]]/g;

/** The object on a line, if it is one. No error repeats what the line said: it may have been a token. */
function parse(bytes) {
  if (bytes.length > LONGEST) throw new BadLine(`the line is longer than ${LONGEST} bytes; send less`);
  let text, line;
  try {
    text = utf8.decode(bytes);
    line = JSON.parse(text);
  } catch {
    throw new BadLine("the line is not JSON in UTF-8; send one JSON object");
  }
  if (typeof line !== "object" || line === null || Array.isArray(line)) {
    throw new BadLine("the line is not a JSON object; send one");
  }
  // JSON.parse takes a name twice, and 302.0 for 302.
  const open = [];
  for (const [token, string, isName, notWhole] of text.matchAll(NAMES)) {
    if (token === "{" || token === "[") open.push(new Set());
    else if (token === "}" || token === "]") open.pop();
    else if (isName) {
      const name = JSON.parse(string);
      if (open.at(-1).has(name)) throw new BadLine("the line has the same name twice in an object; say it once");
      open.at(-1).add(name);
      if (notWhole && open.length === 1) line[name] = NaN;
    }
  }
  return line;
}

function answer(bytes) {
  out = [];
  try {
    const line = parse(bytes);
    const [fields, act] = INPUTS.get(line.in) ?? [];
    if (act === undefined) throw new BadLine("`in` is missing or unknown; docs/adapter.md has the list");
    for (const [name, valid] of Object.entries(fields)) {
      if (!valid(line[name])) throw new BadLine(`\`${name}\` is missing or not valid; see docs/adapter.md`);
    }
    act(line);
  } catch (error) {
    if (error instanceof NotAllowed) note("refused", { why: error.message });
    else if (error instanceof BadLine) return `${JSON.stringify({ error: error.message })}\n`;
    else throw error;
  }
  return `${JSON.stringify({ state: client.state, out })}\n`;
}

process.stdout.on("error", (error) => process.exit(error.code === "EPIPE" ? 0 : 1)); // nobody reads any more

client = new LoginClient(app, null, true);
let rest = Buffer.alloc(0); // bytes, as a chunk may end within a character
for await (const chunk of process.stdin) {
  const bytes = Buffer.concat([rest, chunk]);
  let answers = ""; // one write for all the lines that came together
  let start = 0;
  for (let end; (end = bytes.indexOf("\n", start)) !== -1; start = end + 1) {
    answers += answer(bytes.subarray(start, end));
  }
  rest = bytes.subarray(start, start + LONGEST + 1); // of a line that is too long, enough to know it
  if (answers !== "" && !process.stdout.write(answers)) await new Promise((done) => process.stdout.once("drain", done));
}
if (rest.length > 0) process.stdout.write(answer(rest));
