// The push service of Chromium's maker, as far as browsers and servers see it: a browser checks in, registers, and holds a
// TLS stream on which messages come (Mobile Connection Server, protocol 41); a server posts to the endpoint (RFC 8030) under
// its key (RFC 8292). What it posts is handed on as it is: only the browser can open it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash, createPublicKey, randomBytes, verify, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';

const VERSION = 41;
const TAG = { ping: 0, pong: 1, login: 2, loggedIn: 3, close: 4, message: 8 };
const FIXED64 = 1;
const BYTES = 2;
/** The field of a login that says what was received. */
const RECEIVED = 10;

function varint(number) {
  const bytes = [];
  for (; number > 127; number = Math.floor(number / 128)) bytes.push((number % 128) | 128);
  return Buffer.from([...bytes, number]);
}

/** The number at `at` and where it ends; nothing when it is cut off. */
function readVarint(bytes, at) {
  for (let number = 0, power = 1; at < bytes.length; power *= 128) {
    const byte = bytes[at++];
    number += (byte & 127) * power;
    if (byte < 128) return { number, end: at };
  }
  return null;
}

/** The texts of a field of a protocol buffer; all else is passed over. */
function textsOf(bytes, wanted) {
  const texts = [];
  for (let at = 0; at < bytes.length; ) {
    const { number: key, end } = readVarint(bytes, at);
    const kind = key % 8;
    const length = kind === BYTES ? readVarint(bytes, end) : null;
    if (length && Math.floor(key / 8) === wanted)
      texts.push(bytes.toString('utf8', length.end, length.end + length.number));
    if (length) at = length.end + length.number;
    else at = kind === FIXED64 ? end + 8 : readVarint(bytes, end).end;
  }
  return texts;
}

/** A field of a protocol buffer: a number, a text, or bytes. */
function field(number, value) {
  if (typeof value === 'number') return Buffer.concat([varint(number * 8), varint(value)]);
  const bytes = Buffer.from(value);
  return Buffer.concat([varint(number * 8 + BYTES), varint(bytes.length), bytes]);
}

const packet = (tag, ...fields) => {
  const body = Buffer.concat(fields);
  return Buffer.concat([Buffer.from([tag]), varint(body.length), body]);
};

/** The key that the authorization names, when it signed for this service and is not over. */
function signer(authorization, origin) {
  const { t: token, k: key } = /^vapid t=(?<t>[^,]+), ?k=(?<k>[\w-]+)$/.exec(authorization)?.groups ?? {};
  assert.ok(token, `no authorization of RFC 8292: ${authorization}`);
  const [head, claims, signature] = token.split('.');
  const point = Buffer.from(key, 'base64url');
  const jwk = {
    kty: 'EC',
    crv: 'P-256',
    x: point.toString('base64url', 1, 33),
    y: point.toString('base64url', 33, 65),
  };
  const publicKey = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' };
  assert.ok(verify('sha256', Buffer.from(`${head}.${claims}`), publicKey, Buffer.from(signature, 'base64url')));
  const { aud, exp } = JSON.parse(Buffer.from(claims, 'base64url'));
  assert.equal(aud, origin);
  assert.ok(exp * 1000 > Date.now() && exp * 1000 < Date.now() + 86_400_000);
  return key;
}

function certificate() {
  const folder = mkdtempSync(join(tmpdir(), 'orszem-push-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const name = ['-subj', '/CN=push.example', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const made = spawnSync('openssl', ['req', '-x509', ...kind, ...name, '-keyout', key, '-out', cert]);
  assert.equal(made.status, 0, String(made.stderr ?? made.error));
  const pair = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(folder, { recursive: true });
  const spki = new X509Certificate(pair.cert).publicKey.export({ type: 'spki', format: 'der' });
  return { ...pair, pin: createHash('sha256').update(spki).digest('base64') };
}

/** Starts it. `flags` are what makes a Chromium use it; `here` turns the address of a subscription to it. */
export async function startGcm() {
  const { pin, ...pair } = certificate();
  /** By token: the app and the key that a browser registered. Chromium has one of its own, besides. */
  const registered = new Map();
  const posts = [];
  const faults = [];
  const streams = new Set();
  const waiting = [];
  /** By id: what no login has said to be received yet. A stream may break, and with it what was under way. */
  const unacknowledged = new Map();

  /** What was posted, on its way to the browser. */
  function deliver(token, body) {
    const { app, subtype, sender } = registered.get(token);
    const entry = (key, value) => field(7, Buffer.concat([field(1, key), field(2, value)]));
    const id = `0:${posts.length}%${randomBytes(8).toString('hex')}`;
    const said = packet(
      TAG.message,
      ...[field(3, sender), field(5, app), entry('subtype', subtype), entry('content-encoding', 'aes128gcm')],
      ...[field(9, id), field(17, 3600), field(21, body)],
    );
    unacknowledged.set(id, said);
    for (const stream of streams) stream.write(said);
  }

  const answers = {
    '/checkin': () => {
      const id = (number) => Buffer.concat([varint(number * 8 + FIXED64), randomBytes(7), Buffer.from([1])]);
      return Buffer.concat([field(1, 1), id(7), id(8)]);
    },
    '/register': (body) => {
      const asked = new URLSearchParams(body.toString('utf8'));
      if (asked.has('delete')) return `deleted=${asked.get('app')}`;
      const token = randomBytes(24).toString('base64url');
      registered.set(token, { app: asked.get('app'), subtype: asked.get('X-subtype'), sender: asked.get('sender') });
      return `token=${token}`;
    },
  };
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts);
    const token = /^\/fcm\/send\/([\w-]+)/.exec(request.url)?.[1];
    try {
      if (answers[request.url]) {
        response.end(answers[request.url](body));
        return;
      }
      assert.ok(registered.has(token), `nobody registered ${request.url}`);
      assert.equal(request.headers['content-encoding'], 'aes128gcm');
      assert.equal(signer(request.headers.authorization, origin), registered.get(token).sender);
      posts.push(body);
      for (const check of waiting.splice(0)) check();
      deliver(token, body);
      response.writeHead(201).end();
    } catch (fault) {
      faults.push(String(fault));
      response.writeHead(400).end(String(fault));
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;

  const stream = createTlsServer(pair, (socket) => {
    let bytes = Buffer.alloc(0);
    let isGreeted = false;
    socket.on('error', () => socket.destroy());
    socket.on('close', () => streams.delete(socket));
    socket.on('data', (more) => {
      bytes = Buffer.concat([bytes, more]);
      if (!isGreeted && bytes.length > 0) {
        isGreeted = true;
        bytes = bytes.subarray(1);
      }
      for (
        let size = readVarint(bytes, 1);
        size && bytes.length >= size.end + size.number;
        size = readVarint(bytes, 1)
      ) {
        const tag = bytes[0];
        const said = bytes.subarray(size.end, size.end + size.number);
        bytes = bytes.subarray(size.end + size.number);
        if (tag === TAG.ping) socket.write(packet(TAG.pong));
        if (tag === TAG.close) socket.end();
        if (tag === TAG.login) {
          socket.write(Buffer.concat([Buffer.from([VERSION]), packet(TAG.loggedIn, field(1, 'orszem'))]));
          streams.add(socket);
          for (const id of textsOf(said, RECEIVED)) unacknowledged.delete(id);
          for (const message of unacknowledged.values()) socket.write(message);
        }
      }
    });
  });
  await new Promise((resolve) => stream.listen(0, '127.0.0.1', resolve));

  const until = async (holds) => {
    while (!holds()) await new Promise((resolve) => waiting.push(resolve));
  };
  return {
    here: (endpoint) => origin + new URL(endpoint).pathname,
    /** What could not be taken, in words. */
    faults,
    /** The bodies that servers posted. */
    posts,
    flags: [
      `--gcm-checkin-url=${origin}/checkin`,
      `--gcm-registration-url=${origin}/register`,
      `--gcm-mcs-endpoint=https://127.0.0.1:${stream.address().port}`,
      `--ignore-certificate-errors-spki-list=${pin}`,
    ],
    /** Waits until `count` pushes were posted. */
    came: (count) => until(() => posts.length >= count),
    stop: async () => {
      for (const socket of streams) socket.destroy();
      await Promise.all([server, stream].map((one) => new Promise((resolve) => one.close(resolve))));
    },
  };
}
