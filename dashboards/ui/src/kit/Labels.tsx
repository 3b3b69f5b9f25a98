/** Labels as chips. */
export function LabelChips({ labels, without = [] }: { labels: Record<string, string>; without?: string[] }) {
  return (
    <span className="line chips">
      {Object.entries(labels)
        .filter(([name]) => !without.includes(name))
        .map(([name, value]) => (
          <span key={name} className="chip">
            <span>
              <b>{name}=</b>
              {value}
            </span>
          </span>
        ))}
    </span>
  );
}
