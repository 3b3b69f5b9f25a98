/** A QR code that logs a phone in: good once, for some minutes, with the role of whoever shows it. */
import { useMutation } from '@tanstack/react-query';
import { correction, generate } from 'lean-qr';
import { useEffect, useState } from 'react';
import { pairingCode } from '../../api/server.ts';
import { t } from '../../app/i18n.ts';
import { Button } from '../../kit/Button.tsx';
import { Dialog } from '../../kit/Dialog.tsx';
import { ErrorNotice } from '../../kit/Empty.tsx';

/** The modules of a code as one path, with the margin that readers want. */
export function pathOf(text: string): { size: number; path: string } {
  const code = generate(text, { minCorrectionLevel: correction.M });
  const margin = 4;
  let path = '';
  for (let y = 0; y < code.size; y += 1) {
    for (let x = 0; x < code.size; x += 1) {
      if (code.get(x, y)) path += `M${x + margin} ${y + margin}h1v1h-1z`;
    }
  }
  return { size: code.size + 2 * margin, path };
}

export function Pairing() {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <div className="line">
        <Button icon="phone" onClick={() => setOpen(true)}>
          {t('pair.show')}
        </Button>
      </div>
      {isOpen && <Shown onClose={() => setOpen(false)} />}
    </>
  );
}

function Shown({ onClose }: { onClose: () => void }) {
  const { mutate, data, error, isPending } = useMutation({ mutationFn: pairingCode });
  // Made when it is shown: a code is good once.
  useEffect(() => mutate(), [mutate]);
  // After `#`, so that no proxy's log has it.
  const address = data ? `${window.location.origin}/pair#${data.code}` : '';
  const code = address ? pathOf(address) : null;
  return (
    <Dialog title={t('pair.title')} onClose={onClose}>
      <div className="stack pairing">
        {error && <ErrorNotice error={error} />}
        <div className="progress" data-busy={isPending} />
        {code && (
          <>
            <p>{t('pair.text', { n: Math.round((data?.seconds ?? 0) / 60) })}</p>
            <svg
              viewBox={`0 0 ${code.size} ${code.size}`}
              role="img"
              aria-label={t('pair.code')}
              data-address={address}
            >
              <rect width={code.size} height={code.size} fill="#fff" />
              <path d={code.path} fill="#000" shapeRendering="crispEdges" />
            </svg>
            {/^(https?:\/\/)?(localhost|127\.|\[::1\])/.test(address) && <p className="notice">{t('pair.local')}</p>}
            <div className="line">
              <Button icon="refresh" onClick={() => mutate()}>
                {t('pair.again')}
              </Button>
            </div>
          </>
        )}
      </div>
    </Dialog>
  );
}
