/** What is selected in a line becomes a condition. */
import { useEffect, useState } from 'react';
import { t } from '../../app/i18n.ts';
import { Button } from '../../kit/Button.tsx';

interface Selected {
  text: string;
  x: number;
  y: number;
}

const LONGEST = 300;

export function SelectionMenu({
  within,
  onAdd,
}: {
  /** A selector: only what is selected in such elements counts. */
  within: string;
  onAdd: (text: string, isNot: boolean) => void;
}) {
  const [selected, setSelected] = useState<Selected | null>(null);
  useEffect(() => {
    const look = () => {
      const selection = getSelection();
      const text = selection?.toString().trim() ?? '';
      const parent = selection?.anchorNode?.parentElement?.closest(within);
      if (!selection || !parent || text === '' || text.length > LONGEST || text.includes('\n')) {
        setSelected(null);
        return;
      }
      const box = selection.getRangeAt(0).getBoundingClientRect();
      setSelected({ text, x: box.left, y: box.bottom + 6 });
    };
    document.addEventListener('pointerup', look);
    document.addEventListener('keyup', look);
    return () => {
      document.removeEventListener('pointerup', look);
      document.removeEventListener('keyup', look);
    };
  }, [within]);
  if (!selected) return null;
  const add = (isNot: boolean) => {
    onAdd(selected.text, isNot);
    getSelection()?.removeAllRanges();
    setSelected(null);
  };
  return (
    <div
      className="selection-menu line"
      role="toolbar"
      aria-label={t('selection.label')}
      style={{
        left: Math.min(selected.x, window.innerWidth - 230),
        top: Math.min(selected.y, window.innerHeight - 50),
      }}
    >
      <Button small icon="plus" onClick={() => add(false)}>
        {t('logs.only')}
      </Button>
      <Button small icon="minus" onClick={() => add(true)}>
        {t('logs.not')}
      </Button>
    </div>
  );
}
