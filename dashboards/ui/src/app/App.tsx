/** The shell around the pages: header, rail or bottom bar, login, help, palette. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useEffect, useReducer, useState, useSyncExternalStore } from 'react';
import { Link, Redirect, Route, Switch, useLocation } from 'wouter';
import * as alerting from '../api/alerting.ts';
import { login } from '../api/client.ts';
import { Empty } from '../kit/Empty.tsx';
import { Icon } from '../kit/Icon.tsx';
import { Toasts } from '../kit/toast.tsx';
import { useIsNarrow } from '../kit/useMedia.ts';
import { useAddress } from './address.ts';
import { Boundary } from './Boundary.tsx';
import { Header } from './Header.tsx';
import { loadTexts, t } from './i18n.ts';
import { useKeys } from './keys.ts';
import { forgetLast } from './last.ts';
import { Palette } from './Palette.tsx';
import { PAGES, Pair, Phone, pageAt } from './pages.tsx';
import { applyTheme, usePrefs } from './prefs.ts';
import { RangeProvider, usePinnedRange } from './range.tsx';
import { shiftRange, zoomRange } from './shift.ts';

const KeyHelp = lazy(async () => ({ default: (await import('./KeyHelp.tsx')).KeyHelp }));
const Login = lazy(async () => ({ default: (await import('./Login.tsx')).Login }));

export function App() {
  const { language, theme, zone } = usePrefs();
  const [, redraw] = useReducer((n: number) => n + 1, 0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: it reads the preference itself
  useEffect(applyTheme, [theme]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the catalogue follows the choice of language
  useEffect(() => {
    loadTexts().then(redraw, (error: unknown) => console.error(error));
  }, [language]);
  const isLoginNeeded = useSyncExternalStore(login.subscribe, login.isNeeded);
  useEffect(() => {
    if (isLoginNeeded) forgetLast();
  }, [isLoginNeeded]);
  const client = useQueryClient();
  const [path] = useLocation();
  if (path === '/pair') {
    return (
      <Suspense>
        <Pair />
      </Suspense>
    );
  }
  if (isLoginNeeded) {
    return (
      <Suspense>
        <Login onLoggedIn={() => client.resetQueries()} />
      </Suspense>
    );
  }
  return (
    <RangeProvider key={zone}>
      <Route path="/m">
        <Suspense>
          <Phone />
        </Suspense>
      </Route>
      <Switch>
        <Route path="/m" />
        <Route>
          <Shell />
        </Route>
      </Switch>
      <Toasts />
    </RangeProvider>
  );
}

/** How many incidents are open and not taken: here, and in the title beside the name of the page. */
function OpenIncidents({ of: name }: { of: string }) {
  const { data } = useQuery({
    queryKey: ['incidents', 'open'],
    queryFn: ({ signal }) => alerting.incidents({ open: true }, signal),
    refetchInterval: 15_000,
  });
  const open = data?.filter((incident) => incident.acknowledged_by === null).length ?? 0;
  useEffect(() => {
    document.title = `${open ? `(${open}) ` : ''}${name} · Őrszem`;
  }, [name, open]);
  return open > 0 && <em>{open}</em>;
}

/** Where the browser has none, nothing happens. */
function toggleFullScreen(): void {
  const changed = document.fullscreenElement
    ? document.exitFullscreen()
    : document.documentElement.requestFullscreen?.();
  changed?.catch((error: unknown) => console.warn('no full screen', error));
}

function Shell() {
  const address = useAddress();
  const { path, params, set, go, href } = address;
  const { range, refresh } = usePinnedRange();
  const [opened, setOpened] = useState<'help' | 'palette' | null>(null);
  const page = pageAt(path);
  const isNarrow = useIsNarrow();
  useKeys('everywhere', {
    palette: () => setOpened('palette'),
    help: () => setOpened('help'),
    rangePicker: () => document.getElementById('range-picker')?.click(),
    refresh,
    earlier: () => page?.hasRange && set(shiftRange(range, -0.5)),
    later: () => page?.hasRange && set(shiftRange(range, 0.5)),
    zoomOut: () => page?.hasRange && set(zoomRange(range, 2)),
    zoomIn: () => page?.hasRange && set(zoomRange(range, 0.5)),
    fullScreen: toggleFullScreen,
    goNow: () => go('/'),
    goLogs: () => go('/logs'),
    goAlerts: () => go('/alerts'),
    goExplore: () => go('/explore'),
    goHosts: () => go('/hosts'),
    goMap: () => go('/map'),
    goMoment: () => go('/at'),
    goStatus: () => go('/status'),
    goSettings: () => go('/settings'),
  });
  // Links of messages, and of the page as it was before it had several.
  const incident = params.get('incident');
  if (path === '/' && incident) return <Redirect to={href('/alerts', { tab: 'incidents', incident })} replace />;
  if (path === '/' && params.has('q')) {
    return (
      <Redirect to={href('/logs', { q: params.get('q') ?? '', order: params.get('order') ?? undefined })} replace />
    );
  }
  return (
    <div className="shell">
      <a className="skip button" href="#main">
        {t('skip')}
      </a>
      <nav className="rail" aria-label={t('navigation')}>
        <Link href={href('/')} className="brand">
          <img src="/favicon.svg" alt="" width="26" height="26" />
          <span>Őrszem</span>
        </Link>
        {PAGES.map((entry) => (
          <Link
            key={entry.path}
            href={href(entry.path)}
            className={entry.onPhone === false ? 'wide-only' : ''}
            aria-current={entry.path === path ? 'page' : undefined}
          >
            <Icon name={entry.icon} size={20} />
            <span>{t(entry.label)}</span>
            {entry.path === '/alerts' && <OpenIncidents of={page ? t(page.label) : t('page.missing')} />}
          </Link>
        ))}
      </nav>
      <Header page={page} onPalette={() => setOpened('palette')} onHelp={() => setOpened('help')} />
      {/* On phones it scrolls by itself: also where nothing in it takes the focus. */}
      <main id="main" tabIndex={isNarrow ? 0 : -1}>
        <Boundary key={path}>
          <Suspense fallback={<div className="progress" data-busy="true" />}>
            {page ? (
              <page.view />
            ) : (
              <Empty icon="search" title={t('page.missing')} text={t('page.missingText')}>
                <Link className="button" href={href('/')}>
                  {t('page.now')}
                </Link>
              </Empty>
            )}
          </Suspense>
        </Boundary>
      </main>
      <Suspense>
        {opened === 'help' && <KeyHelp onClose={() => setOpened(null)} />}
        {opened === 'palette' && <Palette onClose={() => setOpened(null)} onHelp={() => setOpened('help')} />}
      </Suspense>
    </div>
  );
}
