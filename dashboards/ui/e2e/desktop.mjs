// A desktop that shows notifications, as far as Chromium sees it: its session bus (D-Bus 1.0, by a socket of its own), and on
// it org.freedesktop.Notifications 1.2, whose buttons the test presses.
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

const CALL = 1;
const RETURN = 2;
const ERROR = 3;
const SIGNAL = 4;
const FIELD = { path: 1, interface: 2, member: 3, error: 4, reply: 5, destination: 6, sender: 7, signature: 8 };
const OWNER = ':1.0';
const NOTIFICATIONS = 'org.freedesktop.Notifications';

/** Bytes with the alignment that D-Bus asks for: numbers to 4 bytes, structs to 8. */
class Writer {
  bytes = Buffer.alloc(0);
  align(to) {
    this.bytes = Buffer.concat([this.bytes, Buffer.alloc((to - (this.bytes.length % to)) % to)]);
  }
  byte(...values) {
    this.bytes = Buffer.concat([this.bytes, Buffer.from(values)]);
  }
  number(value) {
    this.align(4);
    const four = Buffer.alloc(4);
    four.writeUInt32LE(value);
    this.bytes = Buffer.concat([this.bytes, four]);
  }
  text(value) {
    this.number(Buffer.byteLength(value));
    this.bytes = Buffer.concat([this.bytes, Buffer.from(`${value}\0`)]);
  }
  signature(value) {
    this.byte(value.length, ...Buffer.from(`${value}\0`));
  }
  each(values) {
    for (const value of values) this.text(value);
  }
  texts(values) {
    const inner = new Writer();
    inner.each(values);
    this.number(inner.bytes.length);
    this.bytes = Buffer.concat([this.bytes, inner.bytes]);
  }
}

class Reader {
  constructor(bytes, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }
  align(to) {
    this.at += (to - (this.at % to)) % to;
  }
  number() {
    this.align(4);
    this.at += 4;
    return this.bytes.readUInt32LE(this.at - 4);
  }
  text() {
    const length = this.number();
    this.at += length + 1;
    return this.bytes.toString('utf8', this.at - length - 1, this.at - 1);
  }
  signature() {
    const length = this.bytes[this.at];
    this.at += length + 2;
    return this.bytes.toString('utf8', this.at - length - 1, this.at - 1);
  }
  texts() {
    const end = this.number() + this.at;
    const values = [];
    while (this.at < end) values.push(this.text());
    return values;
  }
}

/** A message: `fields` by name, and what `write` puts into the body. */
function message(type, serial, fields, signature = '', write = () => {}) {
  const body = new Writer();
  write(body);
  const head = new Writer();
  for (const [name, value] of Object.entries(signature ? { ...fields, signature } : fields)) {
    const kind = { path: 'o', reply: 'u', signature: 'g' }[name] ?? 's';
    head.align(8);
    head.byte(FIELD[name]);
    head.signature(kind);
    if (kind === 'u') head.number(value);
    else if (kind === 'g') head.signature(value);
    else head.text(value);
  }
  const all = new Writer();
  all.byte(0x6c, type, 0, 1);
  for (const number of [body.bytes.length, serial, head.bytes.length]) all.number(number);
  all.bytes = Buffer.concat([all.bytes, head.bytes]);
  all.align(8);
  return Buffer.concat([all.bytes, body.bytes]);
}

/** The message that `bytes` begin with, and the rest; `null` while it is not whole. */
function parse(bytes) {
  if (bytes.length < 16) return null;
  const [bodyLength, serial, fieldsLength] = [4, 8, 12].map((at) => bytes.readUInt32LE(at));
  const begin = Math.ceil((16 + fieldsLength) / 8) * 8;
  if (bytes.length < begin + bodyLength) return null;
  const reader = new Reader(bytes, 16);
  const fields = {};
  while (reader.at < 16 + fieldsLength) {
    reader.align(8);
    const name = Object.keys(FIELD).find((key) => FIELD[key] === bytes[reader.at]);
    reader.at += 1;
    const kind = reader.signature();
    const value = kind === 'u' ? reader.number() : kind === 'g' ? reader.signature() : reader.text();
    if (name) fields[name] = value;
  }
  const end = begin + bodyLength;
  return { type: bytes[1], serial, fields, body: new Reader(bytes.subarray(begin, end)), rest: bytes.subarray(end) };
}

/** Starts it in a folder. `address` is what DBUS_SESSION_BUS_ADDRESS has to say. */
export async function startDesktop(folder) {
  const path = join(folder, 'bus');
  const shown = new Map();
  const sockets = new Set();
  const told = [];
  let serial = 0;
  let notifications = 0;

  /** The method's answer: its signature and what it says; nothing for an error. */
  const answers = new Map([
    ['Hello', () => ['s', (w) => w.text(':1.1')]],
    ['AddMatch', () => ['', () => {}]],
    ['RemoveMatch', () => ['', () => {}]],
    ['RequestName', () => ['u', (w) => w.number(1)]],
    [
      'NameHasOwner',
      (body) => {
        const has = body.text() === NOTIFICATIONS;
        return ['b', (w) => w.number(has ? 1 : 0)];
      },
    ],
    ['GetNameOwner', (body) => (body.text() === NOTIFICATIONS ? ['s', (w) => w.text(OWNER)] : undefined)],
    ['ListActivatableNames', () => ['as', (w) => w.texts([])]],
    ['GetCapabilities', () => ['as', (w) => w.texts(['actions', 'body', 'persistence'])]],
    ['GetServerInformation', () => ['ssss', (w) => w.each(['desktop', 'Őrszem', '1', '1.2'])]],
    ['Notify', (body) => notify(body)],
    [
      'CloseNotification',
      (body) => {
        shown.delete(body.number());
        return ['', () => {}];
      },
    ],
  ]);

  function notify(body) {
    body.text();
    const replaced = body.number();
    body.text();
    const [title, text, actions] = [body.text(), body.text(), body.texts()];
    notifications += replaced ? 0 : 1;
    const id = replaced || notifications;
    const buttons = actions.flatMap((key, at) => (at % 2 ? [] : [{ key, label: actions[at + 1] }]));
    told.push(title);
    shown.set(id, { id, title, text, buttons });
    return ['u', (w) => w.number(id)];
  }

  function answer(socket, { serial: reply, fields, body }) {
    const to = {
      reply,
      destination: ':1.1',
      sender: fields.destination === NOTIFICATIONS ? OWNER : 'org.freedesktop.DBus',
    };
    const found = answers.get(fields.member)?.(body);
    serial += 1;
    if (found) socket.write(message(RETURN, serial, to, ...found));
    else socket.write(message(ERROR, serial, { ...to, error: 'org.freedesktop.DBus.Error.ServiceUnknown' }));
  }

  const server = createServer((socket) => {
    let bytes = Buffer.alloc(0);
    let isOpen = false;
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (more) => {
      bytes = Buffer.concat([bytes, more]);
      for (let end = bytes.indexOf('\r\n'); !isOpen && end >= 0; end = bytes.indexOf('\r\n')) {
        const said = bytes.toString('latin1', bytes[0] === 0 ? 1 : 0, end);
        bytes = bytes.subarray(end + 2);
        if (said === 'BEGIN') isOpen = true;
        else socket.write(said.startsWith('AUTH EXTERNAL') ? `OK ${'0'.repeat(31)}1\r\n` : 'ERROR\r\n');
      }
      for (let next = isOpen ? parse(bytes) : null; next; next = parse(bytes)) {
        bytes = next.rest;
        if (next.type === CALL) answer(socket, next);
      }
    });
  });
  await new Promise((resolve) => server.listen(path, resolve));
  return {
    address: `unix:path=${path}`,
    /** The titles of all that was to be shown, also in the place of another. */
    told,
    /** What is on the screen: title, text, and buttons with their labels. */
    shown: () => [...shown.values()],
    /** Presses a button by its label. */
    press: ({ id, buttons }, label) => {
      const { key } = buttons.find((button) => button.label === label);
      const fields = { path: '/org/freedesktop/Notifications', interface: NOTIFICATIONS, sender: OWNER };
      serial += 1;
      const signal = message(SIGNAL, serial, { ...fields, member: 'ActionInvoked' }, 'us', (w) => {
        w.number(id);
        w.text(key);
      });
      for (const socket of sockets) socket.write(signal);
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      rmSync(path, { force: true });
    },
  };
}
