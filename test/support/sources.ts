/** Reads the workspace as text and as syntax, for the tests that check what is absent. */
import { globSync, readFileSync } from "node:fs";
import { dirname, relative, resolve, sep } from "node:path";
import ts from "typescript";

export const root = resolve(import.meta.dirname, "../..");

export interface Source {
  /** Path from the top of the checkout, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
  /** Module specifiers of imports, re-exports and import() calls. */
  readonly imports: readonly string[];
}

export interface Manifest {
  /** Folder of the package, from the top of the checkout. */
  readonly folder: string;
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly description?: string;
  readonly license?: string;
  readonly type?: string;
  readonly sideEffects?: boolean;
  readonly files?: readonly string[];
  readonly engines?: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly publishConfig?: { readonly access?: string; readonly exports?: Manifest["exports"] };
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** Folders that hold no source of ours. */
const foreign = /(^|\/)(node_modules|dist|target|coverage|\.git|\.turbo)(\/|$)|^packages\/engine\/wasm\//;

/** Paths of the checkout's files that match, built and installed ones left out. */
export function files(...patterns: string[]): string[] {
  return globSync(patterns, { cwd: root, exclude: (path) => foreign.test(slashed(path)) })
    .map(slashed)
    .filter((path) => !foreign.test(path))
    .sort();
}

/** The text of a file of the checkout. */
export function read(path: string): string {
  return readFileSync(resolve(root, path), "utf8");
}

/** The TypeScript files that match, parsed once per test run. */
export function sources(...patterns: string[]): Source[] {
  return files(...patterns).map(parse);
}

/** Every package of the workspace. */
export function manifests(): Manifest[] {
  return files("{packages,apps,tools}/*/package.json").map((path) => ({
    ...(JSON.parse(read(path)) as Omit<Manifest, "folder">),
    folder: dirname(path),
  }));
}

/** Calls back for every node of a tree. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  node.forEachChild((child) => walk(child, visit));
}

/** "path:line" of a node, as an editor opens it. */
export function place(source: Source, node: ts.Node): string {
  return `${source.path}:${source.tree.getLineAndCharacterOfPosition(node.getStart(source.tree)).line + 1}`;
}

const parsed = new Map<string, Source>();

function parse(path: string): Source {
  let source = parsed.get(path);
  if (source === undefined) {
    const text = read(path);
    const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
    source = { path, text, tree, imports: specifiers(tree) };
    parsed.set(path, source);
  }
  return source;
}

function specifiers(tree: ts.SourceFile): string[] {
  const found: string[] = [];
  walk(tree, (node) => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) {
      found.push((node.moduleSpecifier as ts.StringLiteral).text);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument !== undefined && ts.isStringLiteralLike(argument)) found.push(argument.text);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      found.push((node.argument.literal as ts.StringLiteral).text);
    }
  });
  return found;
}

const slashed = (path: string): string => relative(root, resolve(root, path)).split(sep).join("/");
