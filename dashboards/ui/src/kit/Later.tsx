/**
 * Parts of a page that are drawn one after another: each when those before it have their answers, in a moment of its own.
 * So the first is seen soon, none is pushed by what comes into those above it, and what is touched meanwhile is answered.
 */
import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, startTransition, useEffect, useState } from 'react';

/** The parts below are not kept back for longer than this by an answer that does not come. */
const PATIENCE_MS = 400;
const LOOK_EVERY_MS = 20;

const waiting = new Set<() => void>();
let isWaiting = false;

/** Does something when the browser has nothing else to do; Safari can't be asked for that. */
export function whenIdle(act: () => void): void {
  if ('requestIdleCallback' in globalThis) requestIdleCallback(act, { timeout: PATIENCE_MS });
  else setTimeout(act);
}

/** Draws the next part once nothing is asked for, at two looks: answers lead to further questions. */
function drawNext(client: QueryClient): void {
  if (isWaiting || waiting.size === 0) return;
  isWaiting = true;
  const since = performance.now();
  let looks = 0;
  const look = () => {
    looks = client.isFetching() === 0 ? looks + 1 : 0;
    if (looks < 2 && performance.now() - since < PATIENCE_MS) {
      setTimeout(look, LOOK_EVERY_MS);
      return;
    }
    isWaiting = false;
    const [draw] = waiting;
    if (!draw) return;
    waiting.delete(draw);
    whenIdle(draw);
  };
  look();
}

export function Later({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [isDrawn, setIsDrawn] = useState(false);
  useEffect(() => {
    if (isDrawn) {
      drawNext(client);
      return;
    }
    const draw = () => startTransition(() => setIsDrawn(true));
    waiting.add(draw);
    drawNext(client);
    return () => void waiting.delete(draw);
  }, [client, isDrawn]);
  return isDrawn ? children : null;
}
