// Somebody who never saw the page: from the alert of a failover to the record of its first cause in three actions at most, a
// click or a key each.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { lastFailover, launch, open, PHONE, startServer } from './harness.mjs';

const ACTIONS_MAX = 3;
/** So much of the end of the line has to be read. */
const TOLD = 70;
let server;
let browser;
let cause;
before(async () => {
  [server, browser] = await Promise.all([startServer(), launch()]);
  cause = await firstCause();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** The first line of what failed, from the moment on at which it really did. */
async function firstCause() {
  for (;;) {
    const { from, root_cause: entity } = lastFailover(server.truth);
    const [, host, device] = entity.split('/');
    const query = new URLSearchParams({ q: `host:${host} kind:log "${device}"`, from, order: 'oldest', limit: '1' });
    const { rows } = await (await fetch(`${server.url}/app/v1/search?${query}`)).json();
    if (rows.length > 0) return { host, body: rows[0].body.slice(-TOLD) };
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Waits until the line of the first cause can be read: on the screen, within what scrolls, with its host. */
function isSeen(page) {
  return page.waitForFunction(async ({ host, body }) => {
    const lines = [...document.querySelectorAll('main li, main p, main a, main button')];
    const own = lines.filter(
      ({ textContent: text }) => text?.includes(body) && text.includes(host) && text.length < 600,
    );
    const ratios = await Promise.all(
      own.map(
        (line) =>
          new Promise((resolve) => {
            const seer = new IntersectionObserver(([{ intersectionRatio }]) => {
              seer.disconnect();
              resolve(intersectionRatio);
            });
            seer.observe(line);
          }),
      ),
    );
    return ratios.some((ratio) => ratio > 0.95);
  }, cause);
}

/** Does one thing after the other, and counts, until the first cause is seen. */
async function search(page, actions) {
  let done = 0;
  for (const action of actions) {
    await action();
    done += 1;
  }
  await isSeen(page);
  assert.ok(done <= ACTIONS_MAX, `${done} actions`);
  return done;
}

test('on a desk', async (t) => {
  const { page, complaints, close } = await open(browser, server.url);
  await page.goto(server.url);
  // What is open and critical, whatever it is called.
  const incident = page.locator('.now a.line', { hasText: 'Critical' }).first();
  t.diagnostic(`${await search(page, [() => incident.click()])} actions`);
  assert.deepEqual(complaints, []);
  await close();
});

test('on a desk, by the keyboard', async (t) => {
  const { page, complaints, close } = await open(browser, server.url);
  await page.goto(`${server.url}/alerts`);
  await page.locator('.incident.critical').first().waitFor();
  t.diagnostic(`${await search(page, [() => page.keyboard.press('j')])} actions`);
  assert.deepEqual(complaints, []);
  await close();
});

test('on a phone', async (t) => {
  const { page, complaints, close } = await open(browser, server.url, { viewport: PHONE, hasTouch: true });
  await page.goto(`${server.url}/m`);
  const card = page.locator('.incident-card.critical .plain-button').first();
  t.diagnostic(`${await search(page, [() => card.tap()])} actions`);
  assert.deepEqual(complaints, []);
  await close();
});
