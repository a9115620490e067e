// The official SDK itself, with a server in the place of its socket that says yes to everything.
//
// So its own course of events can be seen where there is no account: who hears what, and in which order, once a login
// has succeeded. The account's name says what happens after its first login.
import { createRequire } from 'node:module';
import fs from 'node:fs';

const require = createRequire(import.meta.url);
const loaded = require(fs.readFileSync(new URL('real', import.meta.url), 'utf8'));
const Real = loaded.default ?? loaded;

const one = (clientId, type) => ({ clientId, type, os: 'iOS', timestamp: 5000, consid: clientId, customTag: '' });
const PHONE = one('the-phone', 2);

export default class NIM {
  static sdkVersionFormat = Real.sdkVersionFormat;

  constructor(app, services) {
    const login = (this.V2NIMLoginService = new Real(app, services).V2NIMLoginService);
    const { authenticator, clientSocket, lifeCycle } = login;
    let logins = 0;
    const BEFORE = {
      // A kick comes while the login is under way.
      kicked: () => login.v2BeKickedHandler({ content: { reason: 2, clientType: 2, customClientType: 0 } }),
    };
    const AFTER = {
      broken: () => {
        lifeCycle.processEvent('connectionBroken', Object.assign(new Error('broken'), { code: 192003 }));
        lifeCycle.processEvent('waiting');
      },
      displaced: () => login.v2BeKickedHandler({ content: { reason: 1, clientType: 2, customClientType: 0 } }),
      joined: () => {
        authenticator.changeLoginClient(2, [{ ...PHONE, consid: 'of another connection' }]); // which nobody is told
        authenticator.changeLoginClient(2, [one('the-desk', 4)]);
      },
    };
    const ANSWERS = {
      v2Login: () => {
        logins += 1;
        if (logins === 1 && BEFORE[login.getLoginUser()]) {
          BEFORE[login.getLoginUser()]();
          return new Promise(() => {});
        }
        if (logins === 1) setTimeout(AFTER[login.getLoginUser()] ?? (() => {}), 100);
        return { data: one('me', 16), loginClients: [PHONE] };
      },
      v2KickOffline: ({ clientIds }) => {
        setTimeout(() => authenticator.changeLoginClient(3, [PHONE]), 100);
        return { clientIds };
      },
      v2Logout: () => ({}),
      getServerTime: () => ({ time: Date.now() }),
    };
    login.setReconnectDelayProvider(() => 50);
    Object.assign(clientSocket, {
      connect: async () => lifeCycle.processEvent('connectSucc'),
      ping() {},
      resetSocketConfig() {},
      async sendCmd(command, data) {
        if (!(command in ANSWERS)) throw Object.assign(new Error(`what is ${command}?`), { code: 404 });
        return { content: await ANSWERS[command](data) };
      },
    });
  }
}
