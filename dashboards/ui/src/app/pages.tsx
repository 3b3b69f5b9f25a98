/** The pages: address, name, sign, and the chunk that is loaded for each. */
import { type ComponentType, lazy } from 'react';
import type { IconName } from '../kit/Icon.tsx';
import type { TextKey } from './i18n.ts';

export interface PageEntry {
  path: string;
  label: TextKey;
  icon: IconName;
  view: ComponentType;
  /** Whether it has a time range. */
  hasRange: boolean;
  /** Whether it is in the bar of phones, which has no room for all. */
  onPhone?: false;
  /** Whether its questions are narrowed by the scope. */
  hasScope?: boolean;
}

export const PAGES: PageEntry[] = [
  { path: '/', label: 'page.now', icon: 'now', view: lazy(() => import('../pages/now/Now.tsx')), hasRange: false },
  {
    path: '/logs',
    label: 'page.logs',
    icon: 'logs',
    view: lazy(() => import('../pages/logs/Logs.tsx')),
    hasRange: true,
    hasScope: true,
  },
  {
    path: '/alerts',
    label: 'page.alerts',
    icon: 'alerts',
    view: lazy(() => import('../pages/alerts/Alerts.tsx')),
    hasRange: false,
  },
  {
    path: '/hosts',
    label: 'page.hosts',
    icon: 'hosts',
    view: lazy(() => import('../pages/hosts/Hosts.tsx')),
    hasRange: true,
  },
  {
    path: '/at',
    label: 'page.moment',
    icon: 'moment',
    view: lazy(() => import('../pages/moment/Moment.tsx')),
    onPhone: false,
    hasRange: false,
    hasScope: true,
  },
  {
    path: '/map',
    label: 'page.map',
    icon: 'map',
    view: lazy(() => import('../pages/map/Map.tsx')),
    onPhone: false,
    hasRange: true,
  },
  {
    path: '/explore',
    label: 'page.explore',
    icon: 'explore',
    view: lazy(() => import('../pages/explore/Explore.tsx')),
    onPhone: false,
    hasRange: true,
  },
  {
    path: '/status',
    label: 'page.status',
    icon: 'status',
    view: lazy(() => import('../pages/status/Status.tsx')),
    hasRange: false,
  },
  {
    path: '/settings',
    label: 'page.settings',
    icon: 'settings',
    view: lazy(() => import('../pages/settings/Settings.tsx')),
    hasRange: false,
  },
];

/** The page at an address; `/at/TIME` is a moment. */
export function pageAt(path: string): PageEntry | undefined {
  return PAGES.find((entry) => entry.path === (path.startsWith('/at/') ? '/at' : path));
}

/** Where a QR code leads. */
export const Pair = lazy(() => import('./Pair.tsx'));

/** The page for phones; it is reached by its address and by push messages. */
export const Phone = lazy(() => import('../pages/m/Phone.tsx'));
