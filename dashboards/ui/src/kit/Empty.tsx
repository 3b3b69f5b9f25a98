/** The honest states of a list: an error, nothing found, nothing there yet, all well. Each says what to do next. */
import type { ReactNode } from 'react';
import { ApiError } from '../api/client.ts';
import { hasText, t } from '../app/i18n.ts';
import { Icon, type IconName } from './Icon.tsx';

interface EmptyProps {
  icon: IconName;
  title: string;
  text?: string;
  children?: ReactNode;
}

export function Empty({ icon, title, text, children }: EmptyProps) {
  return (
    <div className="empty">
      <Icon name={icon} size={30} />
      <h2>{title}</h2>
      {text && <p>{text}</p>}
      {children && <div className="line">{children}</div>}
    </div>
  );
}

/** What is said of a failure: in the reader's language where the code is known, else the server's sentence. */
export function errorText(error: unknown): string {
  if (error instanceof ApiError) {
    const key = `error.${error.code}`;
    if (hasText(key)) return t(key);
    return error.message || t('error.status', { status: error.status });
  }
  return error instanceof Error ? error.message : String(error);
}

export function ErrorNotice({ error, children }: { error: unknown; children?: ReactNode }) {
  return (
    <div className="notice bad" role="alert">
      <Icon name="error" />
      <span className="grow">{errorText(error)}</span>
      {children}
    </div>
  );
}
