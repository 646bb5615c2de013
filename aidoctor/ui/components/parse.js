// Markdown to a syntax tree (mdast) without anything that could carry markup of the model's own:
// HTML is plain text here, and a single tilde is a tilde ("~38 °C"), not a strike-through.
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmAutolinkLiteralFromMarkdown } from "mdast-util-gfm-autolink-literal";
import { gfmStrikethroughFromMarkdown } from "mdast-util-gfm-strikethrough";
import { gfmTableFromMarkdown } from "mdast-util-gfm-table";
import { gfmTaskListItemFromMarkdown } from "mdast-util-gfm-task-list-item";
import { gfmAutolinkLiteral } from "micromark-extension-gfm-autolink-literal";
import { gfmStrikethrough } from "micromark-extension-gfm-strikethrough";
import { gfmTable } from "micromark-extension-gfm-table";
import { gfmTaskListItem } from "micromark-extension-gfm-task-list-item";

const OPTIONS = {
  extensions: [
    gfmAutolinkLiteral(),
    gfmStrikethrough({ singleTilde: false }),
    gfmTable(),
    gfmTaskListItem(),
    { disable: { null: ["htmlFlow", "htmlText"] } },
  ],
  mdastExtensions: [
    gfmAutolinkLiteralFromMarkdown(),
    gfmStrikethroughFromMarkdown(),
    gfmTableFromMarkdown(),
    gfmTaskListItemFromMarkdown(),
  ],
};

function link(node, targets) {
  if (node.type === "definition") targets.set(node.identifier, targets.get(node.identifier) ?? node);
  node.children?.forEach((child) => link(child, targets));
  return targets;
}

function resolve(node, targets) {
  if (node.type === "linkReference" || node.type === "imageReference") {
    node.url = targets.get(node.identifier)?.url ?? "";
  }
  node.children?.forEach((child) => resolve(child, targets));
}

/** The top-level nodes of `text`, with `definitions` known to its link references. */
export function parse(text, definitions = "") {
  const known = definitions && text.includes("[") ? `${definitions}\n\n` : "";
  const tree = fromMarkdown(known + text, OPTIONS);
  if (text.includes("[")) resolve(tree, link(tree, new Map()));
  return tree.children.filter((node) => node.position.start.offset >= known.length);
}

/** The one item of a list piece's item source, or null where it is not exactly one. */
export function parseItem(text, definitions) {
  const nodes = parse(text, definitions);
  const [list] = nodes;
  if (nodes.length !== 1 || list.type !== "list" || list.children.length !== 1) return null;
  const [item] = list.children;
  return { item, start: list.ordered ? list.start : null, loose: Boolean(list.spread || item.spread) };
}

/** The table of `head` with the given body rows, or null where `head` does not open one. */
export function parseTable(head, rows, definitions) {
  const nodes = parse([head, ...rows].join("\n"), definitions);
  return nodes.length === 1 && nodes[0].type === "table" ? nodes[0] : null;
}
