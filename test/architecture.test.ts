/** The map in ARCHITECTURE.md, checked: who may import whom, and what is deliberately absent. */
import { posix } from "node:path";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { files, manifests, place, read, type Source, sources, walk } from "./support/sources.ts";

/** What the source of each package may import of ours; apps may import any package, tools anything. */
const allowedImports: Readonly<Record<string, readonly string[]>> = {
  "packages/engine": [],
  "packages/transport": ["@moqingbird/engine"],
  "packages/codec": [],
  "packages/model": [],
  "packages/session": ["@moqingbird/codec", "@moqingbird/model"],
};

const everywhere = ["{packages,apps,tools}/*/{src,test}/**/*.ts", "{test,examples}/**/*.ts"] as const;

/** "packages/codec" of "packages/codec/src/reader.ts". */
const home = (path: string): string => path.split("/").slice(0, 2).join("/");
/** "@scope/name" of "@scope/name/sub/path"; "node:fs" stays itself. */
const packageOf = (specifier: string): string =>
  specifier.startsWith("@") ? specifier.split("/").slice(0, 2).join("/") : (specifier.split("/")[0] as string);
const ours = (specifier: string): boolean => specifier.startsWith("@moqingbird/") || specifier === "moqingbird";
const relativeImport = (specifier: string): boolean => specifier.startsWith(".");

/** Every place where the nodes of some files satisfy a condition. */
function offenders(among: readonly Source[], offends: (node: ts.Node, source: Source) => boolean): string[] {
  return among.flatMap((source) => {
    const found: string[] = [];
    walk(source.tree, (node) => {
      if (offends(node, source)) found.push(place(source, node));
    });
    return found;
  });
}

/** Every import of some files that satisfies a condition, as "file imports name". */
function imports(among: readonly Source[], offends: (specifier: string, source: Source) => boolean): string[] {
  return among.flatMap((source) =>
    source.imports.filter((name) => offends(name, source)).map((name) => `${source.path} imports ${name}`),
  );
}

describe("allowed imports", () => {
  test.each(Object.entries(allowedImports))("%s imports only %j of ours", (folder, allowed) => {
    const among = sources(`${folder}/src/**/*.ts`);
    expect(imports(among, (name) => ours(name) && !allowed.includes(packageOf(name)))).toEqual([]);
  });

  test("every package stands in the table", () => {
    const listed = [...Object.keys(allowedImports), "packages/testing"].sort();
    const present = manifests().map(({ folder }) => folder);
    expect(present.filter((folder) => folder.startsWith("packages/"))).toEqual(listed);
  });

  test("apps import packages, and other apps only to embed them; no package imports an app or a tool", () => {
    const kinds = new Map(manifests().map(({ name, folder }) => [name, folder.split("/")[0]]));
    const among = sources("{packages,apps}/*/src/**/*.ts");
    const wrong = imports(among, (name, { path }) => {
      const kind = kinds.get(packageOf(name));
      return kind === "tools" || (kind === "apps" && !path.startsWith("apps/"));
    });
    expect(wrong).toEqual([]);
  });

  test("@moqingbird/testing is imported by tests and tools only", () => {
    const among = sources("{packages,apps}/*/src/**/*.ts").filter(({ path }) => home(path) !== "packages/testing");
    expect(imports(among, (name) => packageOf(name) === "@moqingbird/testing")).toEqual([]);
    const published = manifests().filter((manifest) => manifest.private !== true);
    expect(published.filter(({ dependencies = {} }) => "@moqingbird/testing" in dependencies)).toEqual([]);
  });

  test("a relative import stays in its package and ends in .ts", () => {
    const among = sources("{packages,apps,tools}/*/{src,test}/**/*.ts");
    const wrong = imports(among, (name, { path }) => {
      if (!relativeImport(name)) return false;
      if (path === "tools/toolchain/src/engine.ts" && name.startsWith("../../wasm/src/")) return false; // runs before links
      const file = posix.join(posix.dirname(path), name);
      return !/\.(ts|json)$/.test(name) || home(file) !== home(path);
    });
    expect(wrong).toEqual([]);
  });

  test("source imports exactly what its package.json declares", () => {
    const workspaceTools = JSON.parse(read("package.json")).devDependencies as Record<string, string>;
    for (const { folder, name, dependencies = {} } of manifests()) {
      const used = new Set(
        sources(`${folder}/src/**/*.ts`)
          .flatMap((source) => source.imports)
          .filter((specifier) => !relativeImport(specifier) && !specifier.startsWith("node:"))
          .map(packageOf)
          .filter((other) => other !== name && !(folder.startsWith("tools/") && other in workspaceTools)),
      );
      // A tool may depend on a package for the program it brings.
      const declared = Object.keys(dependencies).filter((other) => !folder.startsWith("tools/") || used.has(other));
      expect([...used].sort(), folder).toEqual(declared.sort());
    }
  });
});

describe("deliberately absent", () => {
  test("node:dgram is imported by exactly one file", () => {
    const among = sources("{packages,apps}/*/src/**/*.ts");
    expect(among.filter((source) => source.imports.some((name) => /^(node:)?dgram$/.test(name)))).toHaveLength(1);
  });

  test("engine and transport know no MoQ", () => {
    const among = files("packages/{engine,transport}/src/**/*.ts", "wasm/crates/*/src/**/*.rs");
    const wrong = among.filter((path) => /\bmoq(?!ingbird)|subgroup|draft-ietf-moq/i.test(read(path)));
    expect(wrong).toEqual([]);
  });

  test("codec never awaits", () => {
    const wrong = offenders(
      sources("packages/codec/src/**/*.ts"),
      (node) =>
        ts.isAwaitExpression(node) ||
        node.kind === ts.SyntaxKind.AsyncKeyword ||
        (ts.isIdentifier(node) && node.text === "Promise"),
    );
    expect(wrong).toEqual([]);
  });

  test("codec, model and session use nothing that only Node has", () => {
    const among = sources("packages/{codec,model,session}/src/**/*.ts");
    expect(imports(among, (name) => name.startsWith("node:"))).toEqual([]);
    const globals = ["Buffer", "process", "setImmediate", "__dirname", "require"];
    const wrong = offenders(among, (node) => ts.isIdentifier(node) && globals.includes(node.text) && isReference(node));
    expect(wrong).toEqual([]);
  });

  test("versions are compared in session's negotiation table only", () => {
    const among = sources("{packages,apps}/*/src/**/*.ts").filter(
      ({ path }) => path !== "packages/session/src/negotiation.ts",
    );
    const comparisons = [
      ts.SyntaxKind.EqualsEqualsEqualsToken,
      ts.SyntaxKind.ExclamationEqualsEqualsToken,
      ts.SyntaxKind.LessThanToken,
      ts.SyntaxKind.LessThanEqualsToken,
      ts.SyntaxKind.GreaterThanToken,
      ts.SyntaxKind.GreaterThanEqualsToken,
    ];
    // Boxes of MP4 have versions too, and no say in the protocol's.
    const version = (node: ts.Node): boolean =>
      /\bmoq-(lite|transport)-\d\d/.test(node.getText()) ||
      (/\.version$/.test(node.getText()) && !node.getSourceFile().fileName.startsWith("apps/cli/src/fmp4/"));
    const wrong = offenders(
      among,
      (node) =>
        (ts.isBinaryExpression(node) &&
          comparisons.includes(node.operatorToken.kind) &&
          node.right.getText() !== "undefined" &&
          (version(node.left) || version(node.right))) ||
        (ts.isSwitchStatement(node) && version(node.expression)),
    );
    expect(wrong).toEqual([]);
  });

  test("the engine's Rust reads no socket, no entropy, and a clock once, for an origin that is never seen", () => {
    const among = files("wasm/crates/quic/src/**/*.rs").filter((path) => !/\btests?(\.rs|\/)/.test(path));
    const outside = /\b(?:Instant|SystemTime)::now\b|\bstd::net::(?:Udp|Tcp)\w*|\bgetrandom::|\bthread_rng\b/g;
    const found = among.flatMap((path) =>
      Array.from(withoutUnitTests(withoutComments(read(path))).matchAll(outside), ([name]) => `${path}: ${name}`),
    );
    expect(found).toEqual(["wasm/crates/quic/src/clock.rs: Instant::now"]);
  });

  test("what browsers load of transport reaches nothing of Node, and no package", () => {
    const reached = new Set<string>();
    const outside: string[] = [];
    const visit = (path: string): void => {
      if (reached.has(path)) return;
      reached.add(path);
      for (const name of loaded(sources(path)[0] as Source)) {
        if (relativeImport(name)) visit(posix.join(posix.dirname(path), name));
        else outside.push(`${path} imports ${name}`);
      }
    };
    visit("packages/transport/src/browser.ts");
    expect(outside).toEqual([]);
    expect(reached.size).toBeGreaterThan(15);
  });

  test("there is no export *, and no default export outside configuration", () => {
    const among = sources(...everywhere).filter(({ path }) => !path.endsWith(".config.ts"));
    const wrong = offenders(
      among,
      (node) =>
        (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined && node.exportClause === undefined) ||
        ts.isExportAssignment(node) ||
        (node.kind === ts.SyntaxKind.DefaultKeyword && !ts.isDefaultClause(node.parent)),
    );
    expect(wrong).toEqual([]);
  });

  test("no file names a path of somebody's machine or a registry's host", () => {
    const among = files("**/*.{ts,rs,md,json,toml,yaml,yml,lock,sh,html}", "run", ".ci/run").filter(
      (path) => path !== "test/architecture.test.ts" && !path.endsWith("Cargo.lock"), // cargo writes its index into each entry
    );
    const machine = /(?<![\w.-])\/(?:root|home|Users|work)\/[\w.]/;
    const hosts =
      /registry\.(?:npmjs|yarnpkg)|npmmirror|(?:static|index)\.crates\.io|pypi\.org|pythonhosted|proxy\.golang|deb\.debian|repo\.maven/;
    expect(among.filter((path) => machine.test(read(path)) || hosts.test(read(path)))).toEqual([]);
  });
});

/** What a module loads when it runs: imports and re-exports of more than types. */
function loaded({ tree }: Source): string[] {
  return tree.statements.flatMap((node) => {
    const declares = ts.isImportDeclaration(node) || ts.isExportDeclaration(node);
    if (!declares || node.moduleSpecifier === undefined || !ts.isStringLiteral(node.moduleSpecifier)) return [];
    const onlyTypes = ts.isExportDeclaration(node) ? node.isTypeOnly : node.importClause?.isTypeOnly === true;
    return onlyTypes ? [] : [node.moduleSpecifier.text];
  });
}

/** An identifier that is read, not one that names a property, a parameter's key or a type. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  return !(
    ts.isPropertyAssignment(parent) ||
    ts.isPropertySignature(parent) ||
    ts.isPropertyDeclaration(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isMethodSignature(parent)
  );
}

const withoutComments = (rust: string): string => rust.replace(/\/\/.*$/gm, "");
/** Unit tests stand at the end of their file. */
const withoutUnitTests = (rust: string): string => rust.replace(/^#\[cfg\(test\)\]\s*mod \w+ \{.*/ms, "");
