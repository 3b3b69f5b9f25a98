/** A page of several parts that is shown when the first answers are there: parts that come one by one push each other. */
import { useIsFetching } from '@tanstack/react-query';
import { type ReactNode, useEffect, useState } from 'react';

/** Answers lead to further questions within this time. */
const PAUSE_MS = 50;
/** After this time what there is is shown. */
const PATIENCE_MS = 1_000;

export function Settled({ className, children }: { className: string; children: ReactNode }) {
  const isAsking = useIsFetching() > 0;
  const [isSettled, setIsSettled] = useState(false);
  useEffect(() => {
    if (isAsking) return;
    const pause = setTimeout(() => setIsSettled(true), PAUSE_MS);
    return () => clearTimeout(pause);
  }, [isAsking]);
  useEffect(() => {
    const patience = setTimeout(() => setIsSettled(true), PATIENCE_MS);
    return () => clearTimeout(patience);
  }, []);
  return <div className={`${className} ${isSettled ? '' : 'unsettled'}`}>{children}</div>;
}
