// ‹2/3›: the versions of a turn that stand in the same place. None is ever lost.
import { IconButton } from "./icons.jsx";

export function Siblings({ turn, act, held }) {
  const versions = turn.siblings ?? [];
  if (versions.length < 2) return null;
  const at = versions.indexOf(turn.id);
  const show = (step) => act.current.onBranch(versions[at + step]);
  return (
    <span className="siblings" role="group" aria-label={`Version ${at + 1} of ${versions.length}`}>
      <IconButton icon="left" label="Earlier version" disabled={held || at <= 0} onClick={() => show(-1)} />
      <span aria-hidden="true">{at + 1}/{versions.length}</span>
      <IconButton icon="right" label="Later version" disabled={held || at >= versions.length - 1} onClick={() => show(1)} />
    </span>
  );
}
