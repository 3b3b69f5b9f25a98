/** Line icons of 18 pixels; decoration, so that readers of screens are told by the label beside them. */

const PATHS = {
  now: 'M3 11l7-7 7 7M5 9.500V17h10V9.500M10 17v-4',
  logs: 'M4 5h12M4 9h12M4 13h8M4 17h5',
  alerts: 'M10 3a5 5 0 0 1 5 5c0 5 2 6 2 6H3s2-1 2-6a5 5 0 0 1 5-5zM8.500 17a1.700 1.700 0 0 0 3 0',
  explore: 'M3 17V3M3 17h14M6 13l3-5 3 3 5-7',
  hosts: 'M4 4h12v5H4zM4 11h12v5H4zM7 6.500h.01M7 13.500h.01',
  moment: 'M10 3v14M4 6h4M12 6h5M3 10h5M12 10h3M5 14h3M12 14h5',
  status: 'M3 10h3l2-5 4 10 2-5h3',
  settings:
    'M10 7.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5zM10 2.500v2M10 15.500v2M2.500 10h2M15.500 10h2M4.700 4.700l1.400 1.400M13.900 13.900l1.400 1.400M4.700 15.300l1.400-1.400M13.900 6.100l1.400-1.400',
  map: 'M4 4h5v4H4zM11 12h5v4h-5zM3 12h5v4H3zM6.500 8v4M8 6h5.500v6',
  play: 'M6 4l10 6-10 6z',
  pause: 'M6.500 4v12M13.500 4v12',
  phone: 'M6 2.500h8v15H6zM9 15h2',
  search: 'M9 3.500a5.500 5.500 0 1 0 0 11 5.500 5.500 0 0 0 0-11zM13 13l4 4',
  refresh: 'M16 10a6 6 0 1 1-1.800-4.300M16 3v4h-4',
  clock: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM10 6v4l3 2',
  close: 'M5 5l10 10M15 5L5 15',
  more: 'M5 10h.01M10 10h.01M15 10h.01',
  plus: 'M10 4v12M4 10h12',
  minus: 'M4 10h12',
  down: 'M5 8l5 5 5-5',
  left: 'M12 5l-5 5 5 5',
  right: 'M8 5l5 5-5 5',
  check: 'M4 10.500l4 4 8-9',
  warning: 'M10 3.500l7.500 13h-15zM10 8.500v4M10 14.500h.01',
  error: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM7.500 7.500l5 5M12.500 7.500l-5 5',
  link: 'M8 12l4-4M9 6l2-2a3.500 3.500 0 0 1 5 5l-2 2M11 14l-2 2a3.500 3.500 0 0 1-5-5l2-2',
  copy: 'M7 7h9v10H7zM4 13V3h9',
  download: 'M10 3v9M6 9l4 4 4-4M4 17h12',
  columns: 'M3 4h14v12H3zM8 4v12M13 4v12',
  star: 'M10 3l2.100 4.600 4.900.5-3.700 3.300 1.100 4.900L10 13.800l-4.400 2.500 1.100-4.900L3 8.100l4.900-.5z',
  live: 'M10 8.500a1.500 1.500 0 1 0 0 3 1.500 1.500 0 0 0 0-3zM6 6a5.700 5.700 0 0 0 0 8M14 6a5.700 5.700 0 0 1 0 8',
  wrap: 'M3 5h14M3 10h11a2.500 2.500 0 0 1 0 5h-4M12 13l-2 2 2 2M3 15h3',
  filter: 'M3 4h14l-5.500 6.500V16l-3-1.500v-4z',
  silence: 'M3 3l14 14M7 4a5 5 0 0 1 8 4c0 2 .3 3.300.8 4.300M12.500 14H3s2-1 2-6M8.500 17a1.700 1.700 0 0 0 3 0',
  theme: 'M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14z',
  shield: 'M10 2.500l6.500 2.500v5c0 4-2.700 6.500-6.500 8-3.800-1.500-6.500-4-6.500-8V5z',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.600"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
