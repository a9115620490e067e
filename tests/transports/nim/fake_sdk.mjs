// A double of the official SDK: the same public surface and the same course of events, and a server of the test's.
//
// It connects to `linkUrl` and speaks JSON lines there. The statuses, and the order of what its listeners hear, are
// those of the traces in docs/nim.md.
import { EventEmitter } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { fileURLToPath } from 'node:url';

const directory = fileURLToPath(new URL('../../../..', import.meta.url));
fs.writeFileSync(`${directory}/children/${process.pid}`, JSON.stringify({ argv: process.argv, env: process.env }));
// A world that stands still: this module never finishes loading.
if (fs.existsSync(`${directory}/stalled`)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
// What a careless library prints must not disturb the bridge.
console.log('{"event":"loginStatus","value":1}');
process.stdout.write('hello from the SDK\n');

class SdkError extends Error {
  constructor(code, desc, reason) {
    super(desc);
    Object.assign(this, { code, desc, detail: { reason } });
  }
}

const TERMINAL = [201, 302, 403, 404, 414, 417, 422, 101301, 102302, 102404, 102422, 191002, 191005];

class LoginService extends EventEmitter {
  status = 0;
  connect = 0;
  clients = [];
  user = '';
  me = undefined;
  socket = null;
  delay = 20;
  waiting = [];

  constructor(config) {
    super();
    this.config = config;
  }

  setStatus(status) {
    if (status === this.status) return;
    this.status = status;
    this.emit('onLoginStatus', status);
  }

  setConnect(connect, error) {
    if (connect === this.connect) return;
    const before = this.connect;
    this.connect = connect;
    this.emit('onConnectStatus', connect);
    if (before === 1 && connect === 0 && error) this.emit('onDisconnected', error);
    if (before === 2 && connect === 0 && error) this.emit('onConnectFailed', error);
  }

  getLoginStatus() { return this.status; }
  getConnectStatus() { return this.connect; }
  getLoginUser() { return this.user; }
  getLoginClients() { return this.clients; }
  getCurrentLoginClient() { return this.status === 1 ? this.me : undefined; }
  setReconnectDelayProvider() {}

  async login(account, token, option) {
    if (!account) throw new SdkError(191004, 'invalid parameter', 'Account must be string');
    if (!option.authType && !token) throw new SdkError(191004, 'invalid parameter', 'When authType is 0, token …');
    Object.assign(this, { user: account, token, option });
    for (let left = option.retryCount; ; left -= 1) {
      try {
        await this.attempt(false);
        return;
      } catch (error) {
        if (left > 0 && !TERMINAL.includes(error.code)) continue;
        this.setStatus(0);
        this.setConnect(0, error);
        throw error;
      }
    }
  }

  async attempt(again) {
    this.setStatus(2);
    this.setConnect(2);
    const [host, port] = this.config.linkUrl.split(':');
    const socket = (this.socket = net.connect(Number(port), host));
    try {
      await new Promise((resolve, reject) => socket.on('connect', resolve).on('error', reject));
    } catch {
      const error = new SdkError(192001, 'connect failed', 'nobody is there');
      this.setStatus(3);
      this.setConnect(0, error);
      throw error;
    }
    this.setConnect(1);
    const answer = new Promise((resolve, reject) => Object.assign(this, { accepted: resolve, refused: reject }));
    answer.catch(() => {});
    let rest = '';
    socket.setEncoding('utf8');
    socket.on('data', (data) => {
      const lines = (rest + data).split('\n');
      rest = lines.pop();
      for (const line of lines) this.heard(JSON.parse(line), socket);
    });
    socket.on('error', () => {});
    socket.on('close', () => this.broken(socket));
    let { token } = this;
    if (this.option.authType && this.option.tokenProvider) {
      try {
        token = await this.option.tokenProvider(this.user);
      } catch (error) {
        this.refused(new SdkError(191003, 'callback failed', String(error)));
      }
    }
    const extension = await this.option.loginExtensionProvider?.(this.user);
    this.send({ op: 'login', account: this.user, token, extension, option: this.option, again, config: this.config });
    let told;
    try {
      told = await answer;
    } catch (error) {
      if (error.code === 192003) throw error; // the link broke, which has been told
      this.setStatus(TERMINAL.includes(error.code) ? 0 : 3);
      this.setConnect(0, error);
      this.emit('onLoginFailed', error);
      socket.destroy();
      throw error;
    }
    this.me = { clientId: told.client, type: 16, os: 'node', timestamp: 1 };
    this.list(1, told.others);
    this.setStatus(1);
  }

  // The whole list comes before the status that says "logged in" (1), at each login; then what came (2) and went (3).
  list(change, clientIds) {
    const before = this.clients;
    this.clients = clientIds.map((clientId) => ({ clientId, type: 2, os: 'iOS', timestamp: 5000 }));
    const within = (clients) => (one) => clients.some(({ clientId }) => clientId === one.clientId);
    if (change === 1) return this.emit('onLoginClientChanged', 1, this.clients);
    const came = this.clients.filter((one) => !within(before)(one));
    const gone = before.filter((one) => !within(this.clients)(one));
    if (came.length > 0) this.emit('onLoginClientChanged', 2, came);
    if (gone.length > 0) this.emit('onLoginClientChanged', 3, gone);
    return undefined;
  }

  again() {
    this.setStatus(3);
    this.setConnect(3);
    setTimeout(async () => {
      if (this.connect !== 3) return;
      try {
        await this.attempt(true);
      } catch (error) {
        if (!TERMINAL.includes(error.code)) return this.again();
        this.setStatus(0);
        this.setConnect(0, error);
      }
    }, this.delay);
  }

  broken(socket) {
    if (socket !== this.socket) return;
    const wasOnline = this.status === 1;
    const error = new SdkError(192003, 'disconnect', 'the socket was closed');
    if (this.status !== 1 && this.status !== 2) return;
    this.setStatus(3);
    this.setConnect(0, error);
    if (!wasOnline) {
      this.emit('onLoginFailed', error);
      this.refused(error);
    } else {
      this.again();
    }
  }

  send(message) {
    this.socket.write(JSON.stringify(message) + '\n');
  }

  async heard(message, socket) {
    switch (message.op) {
      case 'accepted':
        this.delay = message.delay ?? this.delay;
        return this.accepted(message);
      case 'refused':
        return this.refused(new SdkError(message.code, message.text));
      case 'sync':
        return this.emit('onDataSync', message.kind ?? 1, message.state);
      case 'clients':
        return this.list(2, message.clients);
      case 'kicked':
      case 'not_kicked':
        return this.waiting.shift()?.(message);
      case 'end': {
        // "status": as the SDK of this version does; "kick": the other order, which nobody rules out.
        this.socket = null;
        socket.destroy();
        const detail = { reason: message.reason, reasonDesc: message.text, clientType: 2, customClientType: 0 };
        const error = new SdkError(192003, 'disconnect', 'disconnect due to kicked');
        if (message.order === 'kick') this.emit('onKickedOffline', detail);
        this.setStatus(0);
        this.setConnect(0, error);
        if (message.wait) await new Promise((resolve) => setTimeout(resolve, message.wait));
        if (message.order !== 'kick') this.emit('onKickedOffline', detail);
        return undefined;
      }
      case 'lose': {
        // The session ends with a code of the server's.
        this.socket = null;
        socket.destroy();
        const error = new SdkError(message.code, message.text);
        this.setStatus(TERMINAL.includes(message.code) ? 0 : 3);
        this.setConnect(0, error);
        this.emit('onLoginFailed', error);
        return TERMINAL.includes(message.code) ? undefined : this.again();
      }
      case 'emit':
        return this.emit(message.name, ...message.heard);
      case 'raw':
        return raw(Buffer.from(message.data, 'base64'));
      case 'flood':
        // A pipe that is full blocks here, so the answer says that it was taken.
        raw(Buffer.from(message.data, 'base64'));
        return this.send({ op: 'flooded' });
      case 'spin':
        this.send({ op: 'spinning' });
        for (;;);
      case 'deafen':
        process.stdin.destroy();
        return this.send({ op: 'deaf' });
      case 'crash':
        return setTimeout(() => { throw new Error(message.text); });
      default:
        throw new Error(`what is ${message.op}?`);
    }
  }

  async kickOffline(client) {
    if (this.status !== 1) throw new SdkError(190002, 'illegal state');
    const answer = new Promise((resolve) => this.waiting.push(resolve));
    this.send({ op: 'kick', client: client.clientId });
    const told = await answer;
    if (told.op === 'not_kicked') throw new SdkError(told.code, told.text);
  }

  async logout() {
    if (this.status === 0) throw new SdkError(190002, 'illegal state');
    const { socket } = this;
    this.socket = null;
    if (this.connect === 1) socket.write('{"op":"logout"}\n');
    this.setStatus(0);
    this.setConnect(0);
    this.refused?.(new SdkError(191002, 'cancelled'));
    socket.end();
  }
}

function raw(data) {
  for (let sent = 0; sent < data.length; ) {
    try {
      sent += fs.writeSync(1, data, sent);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
    }
  }
}

export default class NIM {
  static sdkVersionFormat = 'fake';

  constructor(app, services) {
    this.V2NIMLoginService = new LoginService(services.V2NIMLoginServiceConfig);
    Object.assign(this.V2NIMLoginService, { app, services });
  }

  async destroy() {}
}
