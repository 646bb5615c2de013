// Line icons on a 20-unit grid, drawn in the colour of the text around them.
const SHAPES = {
  send: "M10 16V4M5 9l5-5 5 5",
  stop: "M6 6h8v8H6z",
  picture: "M3.5 4.5h13v11h-13zM3.5 13l4-4 3 3 2-2 4 4M13 8h.01",
  close: "M5 5l10 10M15 5L5 15",
  copy: "M7.5 7.5h8v8h-8zM12.5 7.5v-3h-8v8h3",
  check: "M4 10.5l4 4 8-9",
  again: "M15.5 8A6 6 0 1 0 16 11.5M16 4v4h-4",
  edit: "M4 16l.8-3.2L13 4.6l2.4 2.4-8.2 8.2zM11.3 6.3l2.4 2.4",
  left: "M12 5l-5 5 5 5",
  right: "M8 5l5 5-5 5",
  down: "M10 4v12M5 11l5 5 5-5",
  outside: "M8 5H5v10h10v-3M11 4h5v5M16 4l-7 7",
  zoomIn: "M10 5v10M5 10h10",
  zoomOut: "M5 10h10",
  go: "M5 4.5v11l10-5.5z",
};

export function Icon({ name, size = 20 }) {
  return (
    <svg width={size} height={size} viewBox="0 0 20 20" fill="none" stroke="currentColor" strokeWidth="1.5"
      strokeLinecap="round" strokeLinejoin="round" aria-hidden="true" focusable="false">
      <path d={SHAPES[name]} />
    </svg>
  );
}

/** A button that shows an icon and is named by its words. */
export function IconButton({ icon, label, className = "", ...rest }) {
  return (
    <button type="button" className={`icon-button ${className}`} aria-label={label} title={label} {...rest}>
      <Icon name={icon} />
    </button>
  );
}
