// Closes the history on a phone when a place in it has been chosen, without asking the server.
import { useEffect } from "react";

export function Drawer({ drawer = "history" }) {
  useEffect(() => {
    const chosen = (event) => {
      const list = event.target.closest(`#${drawer}`);
      if (list && event.target.closest("a") && list.matches(":popover-open")) list.hidePopover();
    };
    document.addEventListener("click", chosen);
    return () => document.removeEventListener("click", chosen);
  }, [drawer]);
  return null;
}
