// The service worker: the page opens without a network, pushes are shown, and their buttons do what they say.
// No answer of the API is ever kept here; what the page shows without a network it keeps itself.

const SHELL = 'shell-1';
const DOCUMENT = '/m';
const MAX_ASSETS = 80;
const FAILED = 'the server could not be reached; open the page to try again';

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(SHELL).then((cache) => cache.addAll(['/favicon.svg']).then(() => keepDocument(cache))));
});

self.addEventListener('activate', (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name !== SHELL).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener('message', (event) => {
  if (event.data === 'activate') self.skipWaiting();
});

/** The document as browsers are given it, with the scripts and styles that it names. */
async function keepDocument(cache) {
  const response = await fetch(DOCUMENT, { headers: { accept: 'text/html' }, cache: 'no-cache' });
  if (!response.ok) return;
  const html = await response.clone().text();
  await cache.put(DOCUMENT, response);
  const named = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map((match) => match[1]);
  await cache.addAll(named);
}

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== self.location.origin) return;
  if (url.pathname.startsWith('/assets/')) event.respondWith(asset(request));
  else if (request.mode === 'navigate' && !/^\/(app|api|act|loki|metrics|-)(\/|$)/.test(url.pathname))
    event.respondWith(page(request));
});

/** Files of this kind never change under their name. */
async function asset(request) {
  const cache = await caches.open(SHELL);
  const kept = await cache.match(request);
  if (kept) return kept;
  const response = await fetch(request);
  if (response.ok) {
    await cache.put(request, response.clone());
    const keys = (await cache.keys()).filter(({ url }) => url.includes('/assets/'));
    await Promise.all(keys.slice(0, Math.max(0, keys.length - MAX_ASSETS)).map((key) => cache.delete(key)));
  }
  return response;
}

/** The server's document, else the one that was kept: each shows any address, and only names its own files first. */
async function page(request) {
  try {
    const response = await fetch(request);
    const isDocument = response.ok && (response.headers.get('content-type') ?? '').startsWith('text/html');
    if (isDocument) {
      const cache = await caches.open(SHELL);
      await cache.put(DOCUMENT, response.clone());
    }
    return response;
  } catch (error) {
    const kept = await caches.match(DOCUMENT);
    if (kept) return kept;
    throw error;
  }
}

/** What a push says: declarative web push. Browsers take the permission away from who shows nothing. */
function contentOf(data) {
  try {
    const { notification } = data.json();
    if (typeof notification?.title === 'string') return notification;
  } catch {
    // No JSON: somebody else's push, or one of another version.
  }
  return { title: 'Őrszem', body: data?.text().slice(0, 300) ?? '', navigate: '/m' };
}

/** Links of messages lead to where the server says that it is; here it is where this worker is from. */
function here(address) {
  const url = new URL(address || '/m', self.location.origin);
  const isPage = url.pathname === '/' && url.searchParams.has('incident');
  return isPage ? `/m${url.search}` : url.pathname + url.search;
}

self.addEventListener('push', (event) => {
  const content = contentOf(event.data);
  const buttons = (content.actions ?? []).slice(0, 2);
  event.waitUntil(
    Promise.all([
      self.registration.showNotification(content.title, {
        body: content.body ?? '',
        lang: content.lang ?? '',
        tag: content.tag ?? '',
        renotify: Boolean(content.tag && content.renotify),
        silent: Boolean(content.silent),
        requireInteraction: Boolean(content.requireInteraction),
        timestamp: content.timestamp ?? Date.now(),
        icon: '/icon-192.png',
        badge: '/badge.png',
        actions: buttons.map(({ action, title }) => ({ action, title })),
        data: {
          ...content.data,
          navigate: here(content.navigate),
          urls: Object.fromEntries(buttons.map(({ action, url, navigate }) => [action, here(url ?? navigate)])),
        },
      }),
      receipt(),
      tellPages(),
    ]),
  );
});

/** Says that the message came. Whoever is not logged in any more is told all the same. */
async function receipt() {
  const subscription = await self.registration.pushManager?.getSubscription();
  if (!subscription) return;
  try {
    await fetch('/app/v1/devices/seen', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ endpoint: subscription.endpoint }),
    });
  } catch {
    // Without a network to the server: it sees that by the receipt that is missing.
  }
}

async function tellPages() {
  const pages = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  for (const page of pages) page.postMessage('push');
  const shown = await self.registration.getNotifications();
  await self.navigator.setAppBadge?.(shown.length);
}

self.addEventListener('notificationclick', (event) => {
  const { notification, action } = event;
  const url = action ? notification.data?.urls?.[action] : undefined;
  event.waitUntil(url ? act(notification, url) : open(notification));
});

/** The signed link of the message does it; no login is needed. */
async function act(notification, url) {
  let told;
  try {
    const response = await fetch(url, { method: 'POST', headers: { accept: 'text/plain' } });
    told = (await response.text()).trim();
  } catch {
    told = FAILED;
    await self.registration.showNotification(notification.title, {
      body: told,
      tag: notification.tag,
      icon: '/icon-192.png',
      data: notification.data,
    });
    return;
  }
  notification.close();
  await self.registration.showNotification(notification.title, {
    body: told,
    tag: notification.tag,
    silent: true,
    icon: '/icon-192.png',
    data: { ...notification.data, urls: {} },
  });
  await tellPages();
}

async function open(notification) {
  notification.close();
  await tellPages();
  const url = notification.data?.navigate ?? '/m';
  const pages = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const phone = pages.find((page) => new URL(page.url).pathname === '/m');
  if (phone) {
    await phone.navigate(url);
    await phone.focus();
    return;
  }
  await self.clients.openWindow(url);
}
