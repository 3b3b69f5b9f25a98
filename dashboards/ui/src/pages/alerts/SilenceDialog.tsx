/** A new silence: what it is about, from when, how long, and whether it comes again. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import * as alerting from '../../api/alerting.ts';
import { parseSpan } from '../../app/address.ts';
import { t } from '../../app/i18n.ts';
import { setPrefs, usePrefs } from '../../app/prefs.ts';
import { readMoment } from '../../app/RangePicker.tsx';
import { Button, IconButton } from '../../kit/Button.tsx';
import { Dialog } from '../../kit/Dialog.tsx';
import { ErrorNotice } from '../../kit/Empty.tsx';
import { toast } from '../../kit/toast.tsx';
import { whereOf } from './look.tsx';
import { type Every, matches, occurrences, TIMES_MAX } from './silencing.ts';

const SPANS = ['30m', '1h', '2h', '4h', '8h', '1d', '7d'];
const EVERY: Every[] = ['once', 'day', 'week'];
const NAMED = 4;

export const operator = ({ isRegex, isEqual }: alerting.SilenceMatcher) =>
  isRegex ? (isEqual ? '=~' : '!~') : isEqual ? '=' : '!=';

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
  const [start, setStart] = useState('now');
  const [span, setSpan] = useState('2h');
  const [every, setEvery] = useState<Every>('once');
  const [times, setTimes] = useState('4');
  const [comment, setComment] = useState('');
  const add = useMutation({
    mutationFn: async (made: alerting.NewSilence[]) => {
      // One by one, so that what failed is the last.
      for (const silence of made) await alerting.addSilence(silence);
    },
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
    const startMs = readMoment(start, Date.now());
    if (startMs === null) return;
    const given = matchers.map(({ key: _, ...matcher }) => matcher);
    add.mutate(
      occurrences(startMs, parseSpan(span) ?? 3_600_000, every, Number(times)).map(([from, to]) => ({
        matchers: given,
        startsAt: new Date(from).toISOString(),
        endsAt: new Date(to).toISOString(),
        createdBy: name.trim() || t('somebody'),
        comment: comment.trim(),
      })),
    );
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
        <About matchers={matchers} />
        <label className="field">
          <span>{t('range.from')}</span>
          <input
            value={start}
            spellCheck={false}
            aria-invalid={readMoment(start, Date.now()) === null}
            onChange={(event) => setStart(event.target.value)}
          />
        </label>
        <label className="field">
          <span>{t('silences.for')}</span>
          <select value={span} onChange={(event) => setSpan(event.target.value)}>
            {SPANS.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
        <div className="line">
          <label className="field">
            <span>{t('silences.every')}</span>
            <select value={every} onChange={(event) => setEvery(event.target.value as Every)}>
              {EVERY.map((one) => (
                <option key={one} value={one}>
                  {t(`silences.${one}`)}
                </option>
              ))}
            </select>
          </label>
          {every !== 'once' && (
            <label className="field">
              <span>{t('silences.times')}</span>
              <input
                type="number"
                min={1}
                max={TIMES_MAX}
                value={times}
                onChange={(event) => setTimes(event.target.value)}
              />
            </label>
          )}
        </div>
        {every !== 'once' && <p className="dim hint">{t('silences.hint', { n: TIMES_MAX })}</p>}
        <label className="field">
          <span>{t('incidents.name')}</span>
          <input value={name} autoComplete="name" onChange={(event) => setPrefs({ name: event.target.value })} />
        </label>
        <label className="field">
          <span>{t('silences.comment')}</span>
          <input required value={comment} onChange={(event) => setComment(event.target.value)} />
        </label>
        {add.error && <ErrorNotice error={add.error} />}
        <Button variant="primary" type="submit" disabled={add.isPending || readMoment(start, Date.now()) === null}>
          {t('silences.make')}
        </Button>
      </form>
    </Dialog>
  );
}

/** What fires now that it would be about: nobody silences more than they meant. */
function About({ matchers }: { matchers: readonly alerting.SilenceMatcher[] }) {
  const { data } = useQuery({ queryKey: ['firing'], queryFn: ({ signal }) => alerting.firing(signal) });
  const isWritten = matchers.every(({ name }) => name.trim() !== '');
  if (!data || !isWritten) return null;
  const found = data.filter(({ labels }) => matches(matchers, labels));
  const named = found
    .slice(0, NAMED)
    .map(({ labels }) => [labels.alertname, whereOf(labels)].filter(Boolean).join(' '));
  return (
    <p className="dim" role="status">
      {t('silences.about', { n: found.length, all: data.length })} {named.join(', ')}
      {found.length > NAMED && ' …'}
    </p>
  );
}
