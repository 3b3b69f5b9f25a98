/** Catches what a page throws, so that the rest stays usable; a chunk that is gone after an upgrade asks to reload. */
import { Component, type ReactNode } from 'react';
import { Button } from '../kit/Button.tsx';
import { Empty } from '../kit/Empty.tsx';
import { t } from './i18n.ts';

interface State {
  error: unknown;
}

export class Boundary extends Component<{ children: ReactNode }, State> {
  override state: State = { error: null };

  static getDerivedStateFromError(error: unknown): State {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (error === null) return this.props.children;
    const isGone = error instanceof Error && /dynamically imported module|Importing a module/.test(error.message);
    return (
      <Empty
        icon="error"
        title={isGone ? t('upgraded.title') : t('crashed.title')}
        text={isGone ? t('upgraded.text') : String(error)}
      >
        <Button variant="primary" onClick={() => location.reload()}>
          {t('reload')}
        </Button>
      </Empty>
    );
  }
}
