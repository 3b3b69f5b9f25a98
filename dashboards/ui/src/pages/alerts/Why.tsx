/** Why somebody was told of an alert, or was not; asked when it is opened. */
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import * as alerting from '../../api/alerting.ts';
import { t } from '../../app/i18n.ts';
import { Button } from '../../kit/Button.tsx';
import { ErrorNotice } from '../../kit/Empty.tsx';

export function WhyText({ labels }: { labels: Record<string, string> }) {
  const [isOpen, setOpen] = useState(false);
  const { data, error } = useQuery({
    queryKey: ['why', labels],
    queryFn: ({ signal }) => alerting.why(labels, signal),
    enabled: isOpen,
  });
  return (
    <div className="stack why">
      <div>
        <Button
          small
          variant="quiet"
          icon={isOpen ? 'down' : 'right'}
          aria-expanded={isOpen}
          onClick={() => setOpen(!isOpen)}
        >
          {t('why.ask')}
        </Button>
      </div>
      {isOpen && error && <ErrorNotice error={error} />}
      {isOpen && data?.length === 0 && <p className="dim">{t('why.gone')}</p>}
      {isOpen && data?.map((one) => <pre key={one.text}>{one.text}</pre>)}
    </div>
  );
}
