// A browser's subscription and its push service: takes what the server sends, and opens it as the browser would (RFC 8291).
import { createDecipheriv, createECDH, createHmac, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

const hmac = (key, ...parts) =>
  createHmac('sha256', key)
    .update(Buffer.concat(parts.map((p) => Buffer.from(p))))
    .digest();

/** Starts it. `next` waits for the content of the next push; `subscription` is what the browser would give. */
export async function startPushService() {
  const keys = createECDH('prime256v1');
  const own = keys.generateKeys();
  const auth = randomBytes(16);
  const waiting = [];
  const came = [];
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const content = JSON.parse(opened(Buffer.concat(parts)));
    response.writeHead(201).end();
    const waits = waiting.shift();
    if (waits) waits(content);
    else came.push(content);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

  function opened(body) {
    const salt = body.subarray(0, 16);
    const idLength = body[20];
    const sender = body.subarray(21, 21 + idLength);
    const sealed = body.subarray(21 + idLength);
    const secret = hmac(hmac(auth, keys.computeSecret(sender)), 'WebPush: info\0', own, sender, '\x01');
    const prk = hmac(salt, secret);
    const key = hmac(prk, 'Content-Encoding: aes128gcm\0\x01').subarray(0, 16);
    const nonce = hmac(prk, 'Content-Encoding: nonce\0\x01').subarray(0, 12);
    const decipher = createDecipheriv('aes-128-gcm', key, nonce);
    decipher.setAuthTag(sealed.subarray(-16));
    const plain = Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
    return plain.subarray(0, plain.lastIndexOf(2)).toString('utf8');
  }

  const endpoint = `http://127.0.0.1:${server.address().port}/push/1`;
  return {
    subscription: { endpoint, keys: { p256dh: own.toString('base64url'), auth: auth.toString('base64url') } },
    next: () => (came.length ? Promise.resolve(came.shift()) : new Promise((resolve) => waiting.push(resolve))),
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}
