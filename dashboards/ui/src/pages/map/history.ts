/** What depended on what over a window, so that any moment of it is shown without asking again. No React in here. */
import type { Edge, EdgeChange, TopologyAnswer } from '../../api/collectors.ts';

/** An edge for as long as it was there. */
export interface Held {
  edge: Omit<Edge, 'since'>;
  /** `-Infinity`: before what is known. */
  fromMs: number;
  /** `Infinity`: still there. */
  toMs: number;
}

/** Everything that changed at one moment. */
export interface Step {
  ms: number;
  changes: EdgeChange[];
  health: Health;
}

export interface History {
  held: Held[];
  steps: Step[];
}

export type Health = 'good' | 'caution' | 'bad';

const BAD =
  /\b(lost|stopped|failed|diskless|outdated|unclean|offline|fenced|connecting|disconnect\w*|standalone|timeout|networkfailure|protocolerror|down)\b/i;
const CAUTION =
  /\b(inconsistent|resync\w*|sync(source|target)|standby|maintenance|pending|unmanaged|starting|stopping|blocked|attaching|negotiating|suspended|suspect)\b/i;

/** What the words of an edge say of how its beginning is. */
export function healthOf(detail: string): Health {
  return BAD.test(detail) ? 'bad' : CAUTION.test(detail) ? 'caution' : 'good';
}

const RANK: Record<Health, number> = { good: 0, caution: 1, bad: 2 };
export const worseOf = (a: Health, b: Health): Health => (RANK[b] > RANK[a] ? b : a);

const idOf = ({ from, relation, to, detail, origin }: Omit<Edge, 'since'>) =>
  [from, relation, to, detail, origin].join('\n');

/** The answer for the end of a window, with what changed in it, as spans and steps. */
export function historyOf({ edges, changes = [] }: Pick<TopologyAnswer, 'edges' | 'changes'>): History {
  const held: Held[] = [];
  const open = new Map<string, number>();
  const steps: Step[] = [];
  for (const change of changes) {
    const { at, is_there, ...edge } = change;
    const ms = Date.parse(at);
    const id = idOf(edge);
    if (is_there) open.set(id, ms);
    else {
      held.push({ edge, fromMs: open.get(id) ?? Number.NEGATIVE_INFINITY, toMs: ms });
      open.delete(id);
    }
    let step = steps.at(-1);
    if (step?.ms !== ms) {
      step = { ms, changes: [], health: 'good' };
      steps.push(step);
    }
    step.changes.push(change);
    if (is_there) step.health = worseOf(step.health, healthOf(edge.detail));
  }
  for (const { since, ...edge } of edges) {
    held.push({ edge, fromMs: open.get(idOf(edge)) ?? Date.parse(since), toMs: Number.POSITIVE_INFINITY });
  }
  return { held, steps };
}

/** What held at a moment. */
export const heldAt = ({ held }: History, ms: number): Held[] =>
  held.filter(({ fromMs, toMs }) => fromMs <= ms && ms < toMs);

/** The next or the previous moment at which something changed. */
export function stepFrom({ steps }: History, ms: number, by: 1 | -1): Step | undefined {
  return by > 0 ? steps.find((step) => step.ms > ms) : steps.findLast((step) => step.ms < ms);
}

export interface State {
  health: Health;
  /** The worst first. */
  words: string[];
}

/** How each thing is, by the words of its edges; what was not there is not in it. */
export function statesOf(now: readonly Held[]): Map<string, State> {
  const words = new Map<string, Set<string>>();
  const wordsOf = (id: string) => {
    const known = words.get(id) ?? new Set<string>();
    words.set(id, known);
    return known;
  };
  for (const { edge } of now) {
    wordsOf(edge.to);
    const own = wordsOf(edge.from);
    if (edge.detail) own.add(edge.detail);
  }
  const states = new Map<string, State>();
  for (const [id, said] of words) {
    const worstFirst = [...said].sort((a, b) => RANK[healthOf(b)] - RANK[healthOf(a)]);
    states.set(id, { health: healthOf(worstFirst[0] ?? ''), words: worstFirst });
  }
  return states;
}
