/** What opens below a button, with the Popover API: closes by a click outside and by Escape. */
import { type ReactNode, useCallback, useId, useRef, useState } from 'react';
import { Icon, type IconName } from './Icon.tsx';

interface PopoverProps {
  /** What the button says; with `hideLabel` only to readers of screens. */
  label: string;
  icon?: IconName;
  hideLabel?: boolean;
  small?: boolean;
  className?: string;
  /** For what opens it by a key. */
  buttonId?: string;
  children: (close: () => void) => ReactNode;
}

const GAP = 5;

function place(button: HTMLElement, panel: HTMLElement): void {
  const at = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = panel;
  const left = Math.max(8, Math.min(at.left, window.innerWidth - width - 8));
  const isAbove = at.bottom + GAP + height > window.innerHeight && at.top - GAP - height > 0;
  panel.style.left = `${left}px`;
  panel.style.top = `${isAbove ? at.top - GAP - height : Math.min(at.bottom + GAP, Math.max(8, window.innerHeight - height - 8))}px`;
}

export function Popover({ label, icon, hideLabel, small, className, buttonId, children }: PopoverProps) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const [isOpen, setOpen] = useState(false);
  const close = useCallback(() => panel.current?.hidePopover(), []);
  return (
    <>
      <button
        ref={button}
        id={buttonId}
        type="button"
        className={`button ${hideLabel ? 'icon' : ''} ${small ? 'small' : ''} ${className ?? ''}`}
        popoverTarget={id}
        aria-expanded={isOpen}
        title={hideLabel ? label : undefined}
      >
        {icon && <Icon name={icon} size={small ? 15 : 17} />}
        <span className={hideLabel ? 'visually-hidden' : 'cut'}>{label}</span>
        {!hideLabel && <Icon name="down" size={13} />}
      </button>
      <div
        ref={panel}
        id={id}
        popover="auto"
        onToggle={(event) => {
          const opened = event.newState === 'open';
          setOpen(opened);
          // The content is there only now, so its size is known in the next frame.
          if (opened) {
            requestAnimationFrame(() => {
              if (button.current && panel.current) place(button.current, panel.current);
              panel.current?.querySelector<HTMLElement>('[autofocus], input, button, a')?.focus();
            });
          }
        }}
      >
        {isOpen && children(close)}
      </div>
    </>
  );
}
