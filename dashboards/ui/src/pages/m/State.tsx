/** For whoever was woken: what is not reached, and what of the clusters is not well. */
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { probes } from '../../api/probes.ts';
import { useAddress } from '../../app/address.ts';
import { t } from '../../app/i18n.ts';
import { Icon } from '../../kit/Icon.tsx';
import { Later } from '../../kit/Later.tsx';
import { Clusters } from '../now/Clusters.tsx';
import '../now/now.css';

const EVERY_MS = 30_000;

export function State() {
  return (
    <>
      <Later>
        <Reached />
      </Later>
      <Later>
        <section className="card phone-state" aria-label={t('now.cluster')}>
          <Clusters />
        </section>
      </Later>
    </>
  );
}

function Reached() {
  const { href } = useAddress();
  const { data } = useQuery({
    queryKey: ['phone', 'probes'],
    queryFn: ({ signal }) => probes({ span: '1h', bars: 1, period: '1h' }, signal),
    refetchInterval: EVERY_MS,
  });
  if (!data || data.targets.length === 0) return null;
  const bad = data.targets.filter(({ verdict }) => verdict !== 'up');
  const [first] = bad;
  return (
    <Link className="card pulse" href={href('/status')}>
      <Icon name={first ? 'warning' : 'check'} />
      {first
        ? `${t('status.notUp', { n: bad.length, all: data.targets.length })} ${first.instance}`
        : t('status.allUp', { n: data.targets.length })}
    </Link>
  );
}
