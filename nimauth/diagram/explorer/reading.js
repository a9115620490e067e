// From the bytes of a file that anybody may have written to the lines of a trace.

const MAX_LINE = 65536;
const MAX_FINDINGS = 100;
const MAX_ACCOUNT = 1024;
const KNOWN = new Set(["t", "status", "call", "account", "ok", "auto_login", "records", "numbers"]);
const SECRETS = /token|password|passwd|secret|credential|loginext|authorization|signature/;

const BLANK = /^[ \t\r\v\f]*$/;
// JSON.parse takes 2.0 for 2; a status is a whole number, and written like one.
const FRACTION = /^\s*\{(?:[^{}[\]"]|"(?:[^"\\]|\\.)*")*?"status"\s*:\s*-?\d+[.eE]/;

// What is wrong with a line; `key` is that of its words.
class BadLine extends Error {
  constructor(key) {
    super(key);
    this.key = key;
  }
}

// The bytes of a file, unpacked where it is packed. Throws BadLine when there are more than `limit`.
async function bytesOf(blob, limit) {
  if (blob.size > limit) throw new BadLine("tooBig");
  const head = new Uint8Array(await blob.slice(0, 2).arrayBuffer());
  if (head[0] !== 0x1f || head[1] !== 0x8b) return new Uint8Array(await blob.arrayBuffer());
  const whole = new Uint8Array(limit);
  const reader = blob.stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw new BadLine("gzip");
    });
    if (done) return whole.subarray(0, size);
    if (size + value.length > limit) {
      await reader.cancel().catch(() => {});
      throw new BadLine("tooBig");
    }
    whole.set(value, size);
    size += value.length;
  }
}

// The lines, and what is wrong with those that are none: {lines: [{number, kind, value, t, records}], findings, count}.
function readTrace(bytes, recording) {
  const lines = [];
  const findings = [];
  const family = { now: recording.family };
  let count = 0;
  for (let from = 0; from < bytes.length && findings.length < MAX_FINDINGS; count++) {
    const end = bytes.indexOf(10, from);
    const raw = bytes.subarray(from, end < 0 ? bytes.length : end);
    from = end < 0 ? bytes.length : end + 1;
    const number = count + 1;
    try {
      const text = textOf(raw, number);
      if (BLANK.test(text)) continue;
      const message = parsed(text);
      // A secret is a finding, and the line counts all the same.
      if (namesIn(text)) findings.push({ number, key: "secret" });
      if (FRACTION.test(text)) throw new BadLine("status");
      lines.push({ number, ...said(message, family, recording) });
    } catch (error) {
      if (!(error instanceof BadLine)) throw error;
      findings.push({ number, key: error.key });
    }
  }
  return { lines, findings, count };
}

const decoders = [true, false].map((ignoreBOM) => new TextDecoder("utf-8", { fatal: true, ignoreBOM }));

function textOf(raw, number) {
  if (raw.length > MAX_LINE) throw new BadLine("tooLong");
  try {
    return decoders[number === 1 ? 1 : 0].decode(raw);
  } catch {
    throw new BadLine("notUtf8");
  }
}

function parsed(text) {
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    throw new BadLine("notJson");
  }
  if (typeof message !== "object" || message === null || Array.isArray(message)) throw new BadLine("noObject");
  return message;
}

// Whether a name in it, however deep, is called like a secret. A name that is given twice means nothing certain.
function namesIn(text) {
  const open = [];
  let last = "";
  let secret = false;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/g)) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(null);
    else if (token === "}" || token === "]") open.pop();
    else if (token !== ":") last = token;
    else {
      const name = JSON.parse(last);
      const names = open.at(-1);
      if (names.has(name)) throw new BadLine("twice");
      names.add(name);
      secret ||= !KNOWN.has(name) && SECRETS.test(name.slice(0, 200).toLowerCase().replace(/[^a-z]/g, ""));
    }
  }
  return secret;
}

const has = (message, name) => Object.hasOwn(message, name);

function said(message, family, recording) {
  const t = has(message, "t") ? message.t : null;
  if (t !== null && !Number.isFinite(t)) throw new BadLine("t");
  const records = has(message, "records") ? kinds(message.records, recording) : [];
  if (has(message, "numbers")) {
    if (!recording.families.includes(message.numbers)) throw new BadLine("numbers");
    family.now = message.numbers;
  }
  if (has(message, "status") && has(message, "call")) throw new BadLine("both");
  if (has(message, "status")) return { kind: null, value: spelled(message.status, family.now, recording), t, records };
  if (has(message, "call")) {
    if (!recording.kinds.includes(message.call)) throw new BadLine("call");
    return { kind: message.call, value: carried[message.call](message), t, records };
  }
  if (has(message, "records") || has(message, "numbers")) return { kind: null, value: null, t, records };
  throw new BadLine("neither");
}

// What a line carries of each kind of call; undefined where it leaves out the account.
const carried = {
  start: (message) => (message.auto_login === null ? null : account(message, "auto_login")),
  login: (message) => ((message.account ?? null) === null ? undefined : account(message, "account")),
  logout: () => null,
  login_result: (message) => {
    if (typeof message.ok !== "boolean") throw new BadLine("ok");
    return message.ok;
  },
};

function account(message, name) {
  if (!has(message, name)) return undefined;
  const value = message[name];
  if (typeof value !== "string" || value === "" || [...value].length > MAX_ACCOUNT) throw new BadLine("account");
  return value;
}

function kinds(names, recording) {
  if (!Array.isArray(names) || !names.every((name) => recording.kinds.includes(name))) throw new BadLine("records");
  return names;
}

function spelled(status, family, recording) {
  let found;
  if (typeof status === "string") {
    found = recording.byName.get(status) ?? recording.byName.get(status.slice(status.lastIndexOf(".") + 1));
  } else if (Number.isInteger(status)) {
    found = recording.spellings.find((one) => one.family === family && one.number === status);
  } else {
    throw new BadLine("status");
  }
  if (!found) throw new BadLine("unknownStatus");
  return found;
}
