/** This browser as a device: its service worker, and its subscription to pushes. */

/** Why pushes can't be had here; `null` where they can. */
export type Obstacle = 'insecure' | 'unsupported' | 'install' | 'denied';

const isApple = () =>
  /iPhone|iPad/.test(navigator.userAgent) || (/Mac/.test(navigator.userAgent) && navigator.maxTouchPoints > 1);

const isInstalled = () => matchMedia('(display-mode: standalone)').matches;

export function obstacle(): Obstacle | null {
  if (!window.isSecureContext) return 'insecure';
  // On iPhones and iPads only what is on the home screen is pushed to.
  if (isApple() && !isInstalled()) return 'install';
  if (!('serviceWorker' in navigator) || !('PushManager' in window) || !('Notification' in window))
    return 'unsupported';
  return Notification.permission === 'denied' ? 'denied' : null;
}

/** Starts the service worker. `onUpdate` is told when another version of the page waits. */
export async function startWorker(onUpdate: () => void): Promise<void> {
  if (!('serviceWorker' in navigator)) return;
  const registration = await navigator.serviceWorker.register('/sw.js', { updateViaCache: 'none' });
  const watch = (worker: ServiceWorker | null) =>
    worker?.addEventListener('statechange', () => {
      if (worker.state === 'installed' && navigator.serviceWorker.controller) onUpdate();
    });
  watch(registration.installing);
  registration.addEventListener('updatefound', () => watch(registration.installing));
}

/** The key of the server as `subscribe` takes it. */
export function keyBytes(base64url: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64url.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(text, (sign) => sign.charCodeAt(0));
}

/** The subscription of this browser; `null` where it has none. */
export async function subscription(): Promise<PushSubscription | null> {
  if (obstacle() === 'unsupported' || obstacle() === 'insecure') return null;
  const registration = await navigator.serviceWorker.getRegistration();
  return (await registration?.pushManager?.getSubscription()) ?? null;
}

/** Asks the person, then the browser. One under another key, as of a server that was set up anew, is given up. */
export async function subscribe(key: string): Promise<PushSubscriptionJSON> {
  if ((await Notification.requestPermission()) !== 'granted') throw new Error('denied');
  const { pushManager } = await navigator.serviceWorker.ready;
  await (await pushManager.getSubscription())?.unsubscribe();
  const made = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: keyBytes(key) });
  return made.toJSON();
}

/** What this device is likely called. */
export function deviceName(): string {
  const agent = navigator.userAgent;
  const system = ['iPhone', 'iPad', 'Android', 'Windows', 'Macintosh', 'Linux'].find((name) => agent.includes(name));
  const browser = ['Firefox', 'Edg', 'Chrome', 'Safari'].find((name) => agent.includes(name));
  return [browser === 'Edg' ? 'Edge' : browser, system === 'Macintosh' ? 'Mac' : system].filter(Boolean).join(', ');
}
