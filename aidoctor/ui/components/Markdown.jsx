// The one renderer of the model's words, live and finished. It draws only the node types below: no
// HTML, no picture of any address, and links that say they leave the page.
import { createElement, memo, useEffect, useRef, useState } from "react";
import { splitBlocks } from "./blocks.js";
import { parse, parseItem, parseTable } from "./parse.js";
import { Icon } from "./icons.jsx";
import "./markdown.css";

const SAFE_ADDRESS = /^(https?:|mailto:)/i;

function Outside({ url, children }) {
  if (!SAFE_ADDRESS.test(url)) return <>{children}</>;
  return (
    <a href={url} title={url} target="_blank" rel="noopener noreferrer nofollow">
      {children}
      <Icon name="outside" size={14} />
      <span className="unseen"> (opens outside)</span>
    </a>
  );
}

function CodeBlock({ lang, value }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), 2000);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = () => navigator.clipboard.writeText(value).then(() => setCopied(true), () => {});
  return (
    <div className="code">
      <div className="code-bar">
        <span>{lang}</span>
        <button type="button" onClick={copy}>{copied ? "Copied" : "Copy"}</button>
      </div>
      <pre tabIndex={0}><code>{value}</code></pre>
    </div>
  );
}

const inside = (node) => node.children.map(draw);

function tableRow(row, index, align, cell) {
  const style = (i) => (align[i] ? { textAlign: align[i] } : undefined);
  return (
    <tr key={index}>
      {align.map((_, i) => createElement(cell, { key: i, style: style(i) }, row.children[i] ? inside(row.children[i]) : null))}
    </tr>
  );
}

function itemContent(item, loose) {
  return item.children.map((child, i) => (
    !loose && child.type === "paragraph" ? [i ? "\n" : null, inside(child)].flat() : draw(child, i)
  ));
}

function listItem(item, loose, index) {
  const task = item.checked !== null && item.checked !== undefined;
  return (
    <li key={index} className={task ? "task" : undefined}>
      {task ? <span className="task-mark">{item.checked ? "✓" : "○"}<span className="unseen">{item.checked ? "done: " : "open: "}</span></span> : null}
      {itemContent(item, loose)}
    </li>
  );
}

function Table({ head, align, children }) {
  return (
    <div className="table" tabIndex={0} role="region" aria-label="Table">
      <table>
        <thead>{tableRow(head, 0, align, "th")}</thead>
        {children}
      </table>
    </div>
  );
}

const DRAW = {
  text: (node) => node.value,
  html: (node) => node.value,
  paragraph: (node, key) => <p key={key}>{inside(node)}</p>,
  heading: (node, key) => createElement(`h${Math.min(node.depth + 2, 6)}`, { key, className: `depth-${node.depth}` }, inside(node)),
  emphasis: (node, key) => <em key={key}>{inside(node)}</em>,
  strong: (node, key) => <strong key={key}>{inside(node)}</strong>,
  delete: (node, key) => <del key={key}>{inside(node)}</del>,
  inlineCode: (node, key) => <code key={key}>{node.value}</code>,
  code: (node, key) => <CodeBlock key={key} lang={node.lang ?? ""} value={node.value} />,
  break: (node, key) => <br key={key} />,
  thematicBreak: (node, key) => <hr key={key} />,
  blockquote: (node, key) => <blockquote key={key}>{inside(node)}</blockquote>,
  link: (node, key) => <Outside key={key} url={node.url}>{inside(node)}</Outside>,
  linkReference: (node, key) => <Outside key={key} url={node.url}>{inside(node)}</Outside>,
  image: (node) => `[picture: ${node.alt || "without words"}]`,
  imageReference: (node) => `[picture: ${node.alt || "without words"}]`,
  list(node, key) {
    const loose = node.spread || node.children.some((item) => item.spread);
    const items = node.children.map((item, i) => listItem(item, loose, i));
    return node.ordered ? <ol key={key} start={node.start}>{items}</ol> : <ul key={key}>{items}</ul>;
  },
  table(node, key) {
    const [head, ...rows] = node.children;
    const body = rows.map((row, i) => tableRow(row, i, node.align, "td"));
    return <Table key={key} head={head} align={node.align}>{rows.length ? <tbody>{body}</tbody> : null}</Table>;
  },
};

function draw(node, key) {
  return DRAW[node.type]?.(node, key) ?? null;
}

const Flow = memo(({ text, definitions }) => <>{parse(text, definitions).map(draw)}</>);

// Keeps what was parsed for the lines that did not change since the last render.
function useParsed(sources, definitions, read) {
  const last = useRef({ definitions: null, known: new Map() });
  const old = last.current.definitions === definitions ? last.current.known : new Map();
  const known = new Map(sources.map((source) => [source, old.has(source) ? old.get(source) : read(source)]));
  last.current = { definitions, known };
  return sources.map((source) => known.get(source));
}

const Item = memo(({ item, loose }) => listItem(item, loose));

const List = memo(({ piece, definitions }) => {
  const parsed = useParsed(piece.items, definitions, (source) => parseItem(source, definitions));
  if (parsed.includes(null)) return <Flow text={piece.text} definitions={definitions} />;
  const loose = piece.spaced || parsed.some((one) => one.loose);
  const items = parsed.map(({ item }, i) => <Item key={i} item={item} loose={loose} />);
  return parsed[0].start === null ? <ul>{items}</ul> : <ol start={parsed[0].start}>{items}</ol>;
}, same);

const Row = memo(({ row, align }) => tableRow(row, 0, align, "td"));

const LongTable = memo(({ piece, definitions }) => {
  const sources = [null, ...piece.rows];
  const parsed = useParsed(sources, `${piece.head}\n${definitions}`, (row) => (
    parseTable(piece.head, row === null ? [] : [row], definitions)
  ));
  const [open, ...tables] = parsed;
  if (!open || tables.some((table) => table?.children.length !== 2)) {
    return <Flow text={piece.text} definitions={definitions} />;
  }
  const rows = tables.map((table, i) => <Row key={i} row={table.children[1]} align={open.align} />);
  return <Table head={open.children[0]} align={open.align}>{rows.length ? <tbody>{rows}</tbody> : null}</Table>;
}, same);

function same(before, after) {
  return before.definitions === after.definitions && before.piece.text === after.piece.text
    && before.piece.spaced === after.piece.spaced;
}

const Code = memo(({ piece }) => <CodeBlock lang={piece.lang} value={piece.value} />, same);

const PIECES = {
  flow: ({ piece, definitions }) => <Flow text={piece.text} definitions={definitions} />,
  list: List,
  table: LongTable,
  code: Code,
};

/** The model's Markdown, drawn piece by piece; only pieces whose source changed are parsed again. */
export const Markdown = memo(({ text }) => {
  const { pieces, definitions } = splitBlocks(text);
  return (
    <div className="markdown">
      {pieces.map((piece, i) => createElement(PIECES[piece.kind], { key: i, piece, definitions }))}
    </div>
  );
});
