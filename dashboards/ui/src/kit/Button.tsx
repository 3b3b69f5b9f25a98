import type { ButtonHTMLAttributes } from 'react';
import { Icon, type IconName } from './Icon.tsx';

interface Look {
  variant?: 'primary' | 'danger' | 'quiet';
  small?: boolean;
}

type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & Look & { icon?: IconName };

const look = ({ variant, small }: Look, more: string) =>
  ['button', variant ?? '', small ? 'small' : '', more].filter(Boolean).join(' ');

export function Button({ variant, small, icon, className, children, ...rest }: ButtonProps) {
  const style = look({ ...(variant && { variant }), ...(small && { small }) }, className ?? '');
  return (
    <button type="button" className={style} {...rest}>
      {icon && <Icon name={icon} size={small ? 15 : 17} />}
      {children}
    </button>
  );
}

/** A button that is only a sign; `label` is what it is called. */
export function IconButton({
  label,
  icon,
  small,
  variant,
  className,
  ...rest
}: ButtonProps & { icon: IconName; label: string }) {
  const style = look({ ...(variant && { variant }), ...(small && { small }) }, `icon ${className ?? ''}`);
  return (
    <button type="button" className={style} aria-label={label} title={label} {...rest}>
      <Icon name={icon} size={small ? 15 : 17} />
    </button>
  );
}
