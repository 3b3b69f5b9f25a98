/** A part of a page: a card with a heading. */
import type { ReactNode } from 'react';
import { Icon, type IconName } from './Icon.tsx';
import { Later } from './Later.tsx';

interface SectionProps {
  title: string;
  icon: IconName;
  /** For links to it, and for tests. */
  id?: string;
  wide?: boolean;
  /** Whether it is drawn after the parts before it. */
  later?: boolean;
  children: ReactNode;
}

export function Section({ title, icon, id, wide, later, children }: SectionProps) {
  const section = (
    <section className={`card section ${wide ? 'wide' : ''}`} id={id} aria-label={title}>
      <h2 className="line">
        <Icon name={icon} /> {title}
      </h2>
      {children}
    </section>
  );
  return later ? <Later>{section}</Later> : section;
}
