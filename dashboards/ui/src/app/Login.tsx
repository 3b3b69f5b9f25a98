/** The login: a token in exchange for a cookie. The address stays, so that one comes to what one wanted to see. */
import { type FormEvent, useState } from 'react';
import { ApiError, logIn } from '../api/client.ts';
import { Button } from '../kit/Button.tsx';
import { errorText } from '../kit/Empty.tsx';
import { t } from './i18n.ts';

export function Login({ onLoggedIn }: { onLoggedIn: () => Promise<unknown> }) {
  const [token, setToken] = useState('');
  const [problem, setProblem] = useState('');
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem('');
    try {
      await logIn(token.trim());
      await onLoggedIn();
    } catch (error) {
      const isRefused = error instanceof ApiError && error.status === 401;
      setProblem(isRefused ? t('login.failed') : errorText(error));
      setBusy(false);
    }
  };
  return (
    <main className="login">
      <form className="card stack" onSubmit={submit}>
        <div className="line">
          <img src="/favicon.svg" alt="" width="34" height="34" />
          <h1>Őrszem</h1>
        </div>
        <p className="dim">{t('login.text')}</p>
        <label className="field">
          <span>{t('login.token')}</span>
          <input
            id="token"
            type="password"
            required
            autoComplete="current-password"
            value={token}
            onChange={(event) => setToken(event.target.value)}
          />
        </label>
        {problem && (
          <p className="notice bad" role="alert">
            {problem}
          </p>
        )}
        <Button variant="primary" type="submit" disabled={isBusy}>
          {t('login.submit')}
        </Button>
      </form>
    </main>
  );
}
