// Cuts growing Markdown into pieces that can be parsed one by one, so that a new token costs the
// parse of the last piece and not of the whole answer. Cuts only where CommonMark cannot carry a
// block over; in doubt the text stays in one piece.
//
// A piece is one of
//   { kind: "flow",  text }                      any Markdown
//   { kind: "code",  text, lang, value }         a fenced block at the left margin
//   { kind: "list",  text, items, spaced }       items: each with its marker; spaced: blank lines between
//   { kind: "table", text, head, rows }          head: header and delimiter lines
// where `text` is always the piece's whole source.

const BLANK = /^[ \t]*$/;
const FENCE = /^( {0,3})(`{3,}(?=[^`]*$)|~{3,})[ \t]*([^\s`]*)/;
const RULE = /^ {0,3}([-*_])[ \t]*(\1[ \t]*){2,}$/;
const ITEM = /^( {0,3})([-+*]|\d{1,9}[.)])( {1,4}(?=\S)|[ \t]*$)/;
const ANY_ITEM = /^ {0,3}([-+*]|\d{1,9}[.)])([ \t]|$)/;
const INTERRUPTS = /^ {0,3}([-+*]|1[.)])[ \t]+\S/;
const OPENS = /^ {0,3}(#{1,6}([ \t]|$)|>)/;
const INDENTED = /^( {4}| {0,3}\t)/;
const DELIMITER = /^ {0,3}\|?[ \t]*:?-+:?[ \t]*(\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;
const DEFINITION = /^ {0,3}\[(?!\^)(?:[^\]\\]|\\.)+\]:/;
const HIDDEN_DEFINITION = /^[ \t>*+\-\d.)]*\[(?:[^\]\\]|\\.)+\]:/;

const isRuleOrOpens = (line) => RULE.test(line) || OPENS.test(line) || FENCE.test(line);
const isList = (line) => ITEM.test(line) && !RULE.test(line);
const indentOf = (line) => line.length - line.trimStart().length;

function trimmed(lines, start, end) {
  while (end > start && BLANK.test(lines[end - 1])) end -= 1;
  return lines.slice(start, end).join("\n");
}

function takeCode(lines, start) {
  const [, indent, fence, lang] = FENCE.exec(lines[start]);
  const close = new RegExp(`^ {0,3}\\${fence[0]}{${fence.length},}[ \\t]*$`);
  const margin = new RegExp(`^ {0,${indent.length}}`);
  let end = start + 1;
  while (end < lines.length && !close.test(lines[end])) end += 1;
  const body = lines.slice(start + 1, end).map((line) => line.replace(margin, ""));
  const next = Math.min(end + 1, lines.length);
  const text = lines.slice(start, next).join("\n");
  return { piece: { kind: "code", text, lang, value: body.join("\n") }, next };
}

function takeTable(lines, start) {
  let end = start + 2;
  while (end < lines.length && !BLANK.test(lines[end])) {
    if (ANY_ITEM.test(lines[end]) || isRuleOrOpens(lines[end]) || INDENTED.test(lines[end])) return null;
    end += 1;
  }
  const head = lines.slice(start, start + 2).join("\n");
  const piece = { kind: "table", text: lines.slice(start, end).join("\n"), head, rows: lines.slice(start + 2, end) };
  return { piece, next: end };
}

function startsTable(lines, at) {
  return lines[at].includes("|") && at + 1 < lines.length && lines[at + 1].includes("-")
    && DELIMITER.test(lines[at + 1]) && !INDENTED.test(lines[at]);
}

function markerOf(line) {
  const [, indent, marker, gap] = ITEM.exec(line);
  const empty = BLANK.test(gap) && line.trimEnd().length === indent.length + marker.length;
  return { type: marker.slice(-1), offset: indent.length + marker.length + (empty ? 1 : gap.length), empty };
}

// A list ends at the first line that is certainly not its own; one that cannot be told apart line by
// line (lazy continuation, tabs, mixed markers) is handed over whole.
function takeList(lines, start) {
  let marker = markerOf(lines[start]);
  const { type } = marker;
  const starts = [start];
  let [plain, spaced, blank, end] = [true, false, false, start + 1];
  for (; end < lines.length; end += 1) {
    const line = lines[end];
    if (BLANK.test(line)) {
      if (marker.empty && starts.at(-1) === end - 1) plain = false;
      blank = true;
      continue;
    }
    const indent = indentOf(line);
    if (/^ *\t/.test(line) || (!plain && indent > 0 && FENCE.test(line))) plain = false;
    else if (indent < marker.offset) {
      const same = isList(line) && markerOf(line).type === type;
      if (same) {
        starts.push(end);
        marker = markerOf(line);
        spaced ||= blank;
      } else if (isRuleOrOpens(line)) break;
      else if (blank) { if (plain || indent === 0) break; }
      else plain = false;
    }
    blank = false;
  }
  const text = trimmed(lines, start, end);
  if (!plain) return { piece: { kind: "flow", text }, next: end };
  const items = starts.map((at, i) => trimmed(lines, at, starts[i + 1] ?? end));
  return { piece: { kind: "list", text, items, spaced }, next: end };
}

function takeIndented(lines, start) {
  let end = start + 1;
  while (end < lines.length && (BLANK.test(lines[end]) || INDENTED.test(lines[end]))) end += 1;
  return { piece: { kind: "flow", text: trimmed(lines, start, end) }, next: end };
}

function takeFlow(lines, start) {
  let end = start + 1;
  while (end < lines.length && !BLANK.test(lines[end])) {
    if (FENCE.test(lines[end]) || (INTERRUPTS.test(lines[end]) && isList(lines[end]))) break;
    end += 1;
  }
  return { piece: { kind: "flow", text: lines.slice(start, end).join("\n") }, next: end };
}

function take(lines, at) {
  if (FENCE.test(lines[at])) return takeCode(lines, at);
  if (INDENTED.test(lines[at])) return takeIndented(lines, at);
  if (isList(lines[at])) return takeList(lines, at);
  return (startsTable(lines, at) && takeTable(lines, at)) || takeFlow(lines, at);
}

function cut(text) {
  const lines = text.split("\n");
  const pieces = [];
  for (let at = 0; at < lines.length;) {
    if (BLANK.test(lines[at])) { at += 1; continue; }
    const { piece, next } = take(lines, at);
    pieces.push(piece);
    at = next;
  }
  return pieces;
}

// Link definitions hold for the whole answer. Those that stand at the left margin are collected for
// every piece to see; any other place for them makes the answer one piece.
function definitionsOf(pieces) {
  const found = [];
  for (const { kind, text } of pieces) {
    if (kind === "code" || !text.includes("]:")) continue;
    if (kind === "flow" && DEFINITION.test(text)) found.push(text);
    else if (text.split("\n").some((line) => HIDDEN_DEFINITION.test(line))) return null;
  }
  return found.join("\n\n");
}

/** Pieces of `source` in order, and the link definitions that hold for all of them. */
export function splitBlocks(source) {
  const text = source.replace(/\r\n?/g, "\n");
  const pieces = cut(text);
  const definitions = definitionsOf(pieces);
  if (definitions === null) return { pieces: [{ kind: "flow", text }], definitions: "" };
  return { pieces, definitions };
}
