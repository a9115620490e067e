// The bridge between nimauth and the official NIM SDK: JSON lines on standard input and output.
//
//   in   {"id":1,"op":"load|login|logout|kick|ping", …}       {"answer":7,"value":"…"} or {"answer":7,"error":"…"}
//   out  {"ready":1,"node":"v20.1.0"}                         once, first
//        {"id":1,"value":…} or {"id":1,"error":{"code":302,"text":"…"}}
//        {"event":"loginStatus","value":2}                    what the SDK's listeners hear, as it comes
//        {"ask":7}                                            the SDK's token provider asks; an answer is awaited
//        {"fatal":"…"}                                        the last line
//
// It decides nothing. Secrets come by standard input only; its one argument is the process id of the program that it
// works for. The end of input means that the program is gone, and ends it; where that is not heard, the watchdog does.
import readline from 'node:readline';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';

// Standard output is the protocol's alone: whatever else would be printed (by the SDK, say) goes to standard error.
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = (...args) => process.stderr.write(...args);
process.stdout.on('error', () => process.exit(0)); // nobody reads any more
const say = (message) => write(JSON.stringify(message) + '\n');

class Refused extends Error {
  constructor(code, text) {
    super(text);
    this.code = code;
  }
}

const text = (value) => (value === undefined || value === null ? '' : String(value)).slice(0, 1000);
// To nimauth a number that is none, or is beyond what can be, is rubbish, and rubbish ends the child.
const number = (value) => (Math.abs(value) <= Number.MAX_SAFE_INTEGER ? Number(value) : 0);
const code = (value) => (Number.isInteger(value) && value >= 0 && value < 1e9 ? value : 0);
const failure = (error) => {
  const what = text(error?.desc ?? error?.message ?? error);
  const why = text(error?.detail?.reason);
  return { code: code(error?.code), text: why && why !== what ? `${what}: ${why}` : what };
};
const client = (one) => ({
  clientId: text(one?.clientId),
  type: number(one?.type),
  os: text(one?.os),
  timestamp: number(one?.timestamp),
  customTag: text(one?.customTag),
  customClientType: number(one?.customClientType),
});

const EVENTS = {
  onLoginStatus: (status) => status,
  onConnectStatus: (status) => status,
  onLoginFailed: failure,
  onConnectFailed: failure,
  onDisconnected: failure,
  onKickedOffline: (detail) => ({ reason: code(detail?.reason), text: text(detail?.reasonDesc) }),
  onDataSync: (type, state) => ({ type, state }),
  // The SDK says what changed; nimauth wants the whole list each time.
  onLoginClientChanged: () => login.getLoginClients().map(client),
};

let NIM = null;
let login = null; // the SDK's login service, once there is one

const questions = new Map();
let asked = 0;
const ask = () =>
  new Promise((resolve, reject) => {
    asked += 1;
    questions.set(asked, { resolve, reject });
    say({ ask: asked });
  });

const online = () => {
  if (login === null) throw new Refused(190002, 'nobody is logged in');
  return login;
};

const OPS = {
  async load({ sdk }) {
    const loaded = await import(pathToFileURL(sdk).href);
    NIM = loaded.default?.default ?? loaded.default;
    if (typeof NIM !== 'function') throw new Refused(191004, 'this is not the SDK: it exports no class');
    return { version: text(NIM.sdkVersionFormat) };
  },
  async login({ app, services, account, token, extension, dynamic, option }) {
    // A second login() cancels the first and then fails with the first's error.
    if (login !== null) throw new Refused(190002, 'one bridge logs in once');
    const nim = new NIM(app, services);
    login = nim.V2NIMLoginService;
    for (const [name, take] of Object.entries(EVENTS)) {
      const event = name[2].toLowerCase() + name.slice(3);
      login.on(name, (...heard) => say({ event, value: take(...heard) }));
    }
    const providers = {};
    if (dynamic) providers.tokenProvider = ask;
    if (extension) providers.loginExtensionProvider = () => extension;
    await login.login(account, token, { ...option, ...providers });
    return client(login.getCurrentLoginClient());
  },
  async logout() {
    await online().logout();
  },
  async kick({ clientId }) {
    const other = online().getLoginClients().find((one) => one.clientId === clientId);
    if (other === undefined) throw new Refused(191006, 'that client is not online');
    await login.kickOffline(other);
  },
  async ping() {},
};

const answer = ({ answer: number, value, error }) => {
  const question = questions.get(number);
  questions.delete(number);
  if (error === undefined) question?.resolve(value);
  else question?.reject(new Error(error));
};

const fatal = (error) => {
  say({ fatal: failure(error).text });
  process.exit(70);
};
process.on('uncaughtException', fatal);
process.on('unhandledRejection', fatal);

// The watchdog looks at the parent, and at the host by its number: the two differ where `node` is a shim that starts Node
// as a child of its own, and on Windows an orphan keeps its parent's number. A host that cannot be seen from here (in
// another namespace) cannot be watched.
const watched = { host: Number(process.argv[2]), parent: process.ppid };
try {
  process.kill(watched.host, 0);
} catch {
  watched.host = null;
}
new Worker(new URL('watchdog.mjs', import.meta.url), { workerData: watched }).unref();

const lines = readline.createInterface({ input: process.stdin, crlfDelay: Infinity });
lines.on('close', () => process.exit(0));
lines.on('line', async (line) => {
  const message = JSON.parse(line);
  if ('answer' in message) return answer(message);
  try {
    say({ id: message.id, value: (await OPS[message.op](message)) ?? null });
  } catch (error) {
    say({ id: message.id, error: failure(error) });
  }
});
say({ ready: 1, node: process.version });
