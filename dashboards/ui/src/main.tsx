import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode, startTransition } from 'react';
import { createRoot } from 'react-dom/client';
import { ApiError } from './api/client.ts';
import { App } from './app/App.tsx';
import { startWorker } from './app/device.ts';
import { loadTexts, t } from './app/i18n.ts';
import { applyTheme } from './app/prefs.ts';
import { toast } from './kit/toast.tsx';
import './kit/tokens.css';
import './kit/kit.css';
import './app/app.css';

/** What the user got wrong is not asked again; what the network lost is, twice. */
const retry = (failures: number, error: Error) =>
  failures < 2 && !(error instanceof ApiError && error.status >= 400 && error.status < 500);

const client = new QueryClient({
  defaultOptions: { queries: { retry, staleTime: 5_000, refetchOnWindowFocus: false } },
});

async function start(): Promise<void> {
  applyTheme();
  await loadTexts();
  const root = document.getElementById('root');
  if (!root) throw new Error('the page has no root');
  const page = createRoot(root);
  // As a transition it is drawn in short pieces, between which the browser answers.
  startTransition(() =>
    page.render(
      <StrictMode>
        <QueryClientProvider client={client}>
          <App />
        </QueryClientProvider>
      </StrictMode>,
    ),
  );
}

/** When nothing else is to do: the first start of the worker loads what it keeps. */
function startWorkerLater(): void {
  startWorker(() => toast(t('upgraded.toast'))).catch((error: unknown) => console.warn('no service worker', error));
}

if (import.meta.env.PROD) {
  if (document.readyState === 'complete') startWorkerLater();
  else addEventListener('load', startWorkerLater, { once: true });
  // A push came: what is shown is asked again.
  navigator.serviceWorker?.addEventListener('message', () => void client.invalidateQueries());
}

start().catch((error: unknown) => console.error(error));
