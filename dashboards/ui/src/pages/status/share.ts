/** Availability as people read it. */

/** The share of a time, with as many nines as it has. */
export function share(ratio: number | null): string {
  if (ratio === null) return '–';
  const percent = ratio * 100;
  if (percent === 100) return '100 %';
  // Never rounded up to what it is not.
  return `${(Math.floor(percent * 1000) / 1000).toFixed(percent >= 99 ? 3 : 2)} %`;
}
