/** PromQL for the editor: its grammar, what it finds wrong, and completion from the server. */
import { autocompletion } from '@codemirror/autocomplete';
import type { Extension } from '@codemirror/state';
import { PromQLExtension } from '@prometheus-io/codemirror-promql';

export function promqlLanguage(): Extension {
  const promql = new PromQLExtension()
    .activateLinter(false)
    .setComplete({ remote: { url: '', httpMethod: 'GET', lookbackInterval: 3_600_000 } })
    .asExtension();
  return [promql, autocompletion({ icons: false })];
}
