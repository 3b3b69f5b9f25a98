import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
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
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <App />
      </QueryClientProvider>
    </StrictMode>,
  );
}

if (import.meta.env.PROD) {
  startWorker(() => toast(t('upgraded.toast'))).catch((error: unknown) => console.warn('no service worker', error));
  // A push came: what is shown is asked again.
  navigator.serviceWorker?.addEventListener('message', () => void client.invalidateQueries());
}

start().catch((error: unknown) => console.error(error));
