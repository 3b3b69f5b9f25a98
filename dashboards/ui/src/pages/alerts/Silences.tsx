/** Silences: those that hold, how to make and to end one. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import * as alerting from '../../api/alerting.ts';
import { parseSpan } from '../../app/address.ts';
import { t } from '../../app/i18n.ts';
import { setPrefs, usePrefs } from '../../app/prefs.ts';
import { Badge } from '../../kit/Badge.tsx';
import { Button, IconButton } from '../../kit/Button.tsx';
import { Dialog } from '../../kit/Dialog.tsx';
import { Empty, ErrorNotice, errorText } from '../../kit/Empty.tsx';
import { Time } from '../../kit/Time.tsx';
import { toast } from '../../kit/toast.tsx';

const TONES = { active: 'caution', pending: 'calm', expired: 'plain' } as const;
const SPANS = ['30m', '1h', '2h', '4h', '8h', '1d', '7d'];

const operator = ({ isRegex, isEqual }: alerting.SilenceMatcher) =>
  isRegex ? (isEqual ? '=~' : '!~') : isEqual ? '=' : '!=';

export function Silences() {
  const client = useQueryClient();
  const [isAdding, setAdding] = useState(false);
  const { data, error, isPending } = useQuery({
    queryKey: ['silences'],
    queryFn: ({ signal }) => alerting.silences(signal),
    refetchInterval: 20_000,
  });
  const end = useMutation({
    mutationFn: alerting.endSilence,
    onSuccess: () => {
      toast(t('silences.ended'));
      return client.invalidateQueries({ queryKey: ['silences'] });
    },
    onError: (problem) => toast(errorText(problem), true),
  });
  return (
    <div className="stack">
      <div className="line">
        <Button icon="plus" variant="primary" onClick={() => setAdding(true)}>
          {t('silences.new')}
        </Button>
      </div>
      {error && <ErrorNotice error={error} />}
      {isPending && <div className="progress" data-busy="true" />}
      {data?.length === 0 && <Empty icon="silence" title={t('silences.none')} text={t('silences.noneText')} />}
      <ul className="cards">
        {data?.map((silence) => (
          <li key={silence.id} className="card silence">
            <div className="line">
              <Badge tone={TONES[silence.status.state]}>{t(`silences.${silence.status.state}`)}</Badge>
              <span className="line chips grow">
                {silence.matchers.map((matcher) => (
                  <span key={matcher.name + matcher.value} className="chip">
                    <span>
                      <b>
                        {matcher.name}
                        {operator(matcher)}
                      </b>
                      {matcher.value}
                    </span>
                  </span>
                ))}
              </span>
              {silence.status.state !== 'expired' && (
                <Button small variant="danger" disabled={end.isPending} onClick={() => end.mutate(silence.id)}>
                  {t('silences.end')}
                </Button>
              )}
            </div>
            <p>{silence.comment}</p>
            <p className="dim">
              {silence.createdBy} · <Time ms={Date.parse(silence.startsAt)} /> –{' '}
              <Time ms={Date.parse(silence.endsAt)} />
            </p>
          </li>
        ))}
      </ul>
      {isAdding && <SilenceDialog labels={{}} onClose={() => setAdding(false)} />}
    </div>
  );
}

interface Draft extends alerting.SilenceMatcher {
  key: number;
}

let drafts = 0;
function draft(name: string, value: string): Draft {
  drafts += 1;
  return { key: drafts, name, value, isRegex: false, isEqual: true };
}

/** A new silence, beginning with the labels of what it is about. */
export function SilenceDialog({ labels, onClose }: { labels: Record<string, string>; onClose: () => void }) {
  const client = useQueryClient();
  const { name } = usePrefs();
  const [matchers, setMatchers] = useState<Draft[]>(() => {
    const given = Object.entries(labels).map(([label, value]) => draft(label, value));
    return given.length ? given : [draft('', '')];
  });
  const [span, setSpan] = useState('2h');
  const [comment, setComment] = useState('');
  const add = useMutation({
    mutationFn: (silence: alerting.NewSilence) => alerting.addSilence(silence),
    onSuccess: async () => {
      toast(t('silences.made'));
      await client.invalidateQueries({ queryKey: ['silences'] });
      await client.invalidateQueries({ queryKey: ['firing'] });
      onClose();
    },
  });
  const change = (key: number, patch: Partial<Draft>) =>
    setMatchers(matchers.map((one) => (one.key === key ? { ...one, ...patch } : one)));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const now = Date.now();
    add.mutate({
      matchers: matchers.map(({ key: _, ...matcher }) => matcher),
      startsAt: new Date(now).toISOString(),
      endsAt: new Date(now + (parseSpan(span) ?? 3_600_000)).toISOString(),
      createdBy: name.trim() || t('somebody'),
      comment: comment.trim(),
    });
  };
  return (
    <Dialog title={t('silences.new')} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        <fieldset className="stack matchers">
          <legend>{t('silences.matchers')}</legend>
          {matchers.map((matcher) => (
            <div key={matcher.key} className="line matcher">
              <input
                required
                aria-label={t('silences.label')}
                placeholder={t('silences.label')}
                value={matcher.name}
                onChange={(event) => change(matcher.key, { name: event.target.value })}
              />
              <select
                aria-label={t('silences.operator')}
                value={operator(matcher)}
                onChange={({ target }) =>
                  change(matcher.key, { isRegex: target.value.includes('~'), isEqual: !target.value.startsWith('!') })
                }
              >
                {['=', '!=', '=~', '!~'].map((sign) => (
                  <option key={sign}>{sign}</option>
                ))}
              </select>
              <input
                className="grow"
                aria-label={t('silences.value')}
                placeholder={t('silences.value')}
                value={matcher.value}
                onChange={(event) => change(matcher.key, { value: event.target.value })}
              />
              {matchers.length > 1 && (
                <IconButton
                  small
                  icon="close"
                  label={t('silences.removeMatcher')}
                  onClick={() => setMatchers(matchers.filter((one) => one !== matcher))}
                />
              )}
            </div>
          ))}
          <div>
            <Button small icon="plus" onClick={() => setMatchers([...matchers, draft('', '')])}>
              {t('silences.addMatcher')}
            </Button>
          </div>
        </fieldset>
        <label className="field">
          <span>{t('silences.for')}</span>
          <select value={span} onChange={(event) => setSpan(event.target.value)}>
            {SPANS.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
        <label className="field">
          <span>{t('incidents.name')}</span>
          <input value={name} autoComplete="name" onChange={(event) => setPrefs({ name: event.target.value })} />
        </label>
        <label className="field">
          <span>{t('silences.comment')}</span>
          <input required value={comment} onChange={(event) => setComment(event.target.value)} />
        </label>
        {add.error && <ErrorNotice error={add.error} />}
        <Button variant="primary" type="submit" disabled={add.isPending}>
          {t('silences.make')}
        </Button>
      </form>
    </Dialog>
  );
}
