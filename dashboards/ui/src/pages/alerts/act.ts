/** Doing something about an incident, with a word about how it went. */
import { useMutation, useQueryClient } from '@tanstack/react-query';
import * as alerting from '../../api/alerting.ts';
import { t } from '../../app/i18n.ts';
import { getPrefs } from '../../app/prefs.ts';
import { errorText } from '../../kit/Empty.tsx';
import { toast } from '../../kit/toast.tsx';

export interface Act {
  id: number;
  action: alerting.IncidentAction;
  note?: string;
  for?: string;
}

export function useAct() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, action, ...more }: Act) => alerting.act(id, action, { by: getPrefs().name, ...more }),
    onSuccess: (_, { action }) => {
      toast(t(`acted.${action}`));
      return Promise.all([
        client.invalidateQueries({ queryKey: ['incidents'] }),
        client.invalidateQueries({ queryKey: ['incident'] }),
      ]);
    },
    onError: (error) => toast(errorText(error), true),
  });
}
