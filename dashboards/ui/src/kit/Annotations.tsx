/** What a rule says about its alert; addresses, such as of a runbook, are links. */
const isAddress = (text: string) => /^https?:\/\/\S+$/.test(text);

export function Annotations({ of }: { of: Record<string, string> }) {
  return Object.entries(of).map(([name, value]) => (
    <p key={name}>
      {isAddress(value) ? (
        <a href={value} rel="noreferrer" target="_blank">
          {name}
        </a>
      ) : (
        value
      )}
    </p>
  ));
}
