/** Where a QR code leads: its code in exchange for a login, then to the page for phones. */
import { useEffect, useRef, useState } from 'react';
import { Redirect } from 'wouter';
import { ApiError, pair } from '../api/client.ts';
import { errorText } from '../kit/Empty.tsx';
import { t } from './i18n.ts';

export default function Pair() {
  const [state, setState] = useState<'busy' | 'done' | { problem: string }>('busy');
  const isAsked = useRef(false);
  useEffect(() => {
    // A code is good once, and effects may run twice.
    if (isAsked.current) return;
    isAsked.current = true;
    const code = window.location.hash.slice(1);
    history.replaceState(null, '', '/pair');
    pair(code).then(
      () => setState('done'),
      (error: unknown) => {
        const isRefused = error instanceof ApiError && error.status === 401;
        // Without tokens nobody has to log in.
        if (error instanceof ApiError && error.code === 'access.login_unneeded') setState('done');
        else setState({ problem: isRefused ? t('pair.failed') : errorText(error) });
      },
    );
  }, []);
  if (state === 'done') return <Redirect to="/m" replace />;
  return (
    <main className="login">
      <div className="card stack pair">
        <div className="line">
          <img src="/favicon.svg" alt="" width="34" height="34" />
          <h1>Őrszem</h1>
        </div>
        {state === 'busy' ? (
          <p>{t('pair.busy')}</p>
        ) : (
          <>
            <p className="notice bad" role="alert">
              {state.problem}
            </p>
            <a className="button" href="/m">
              {t('login.submit')}
            </a>
          </>
        )}
      </div>
    </main>
  );
}
