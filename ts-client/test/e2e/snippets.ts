/**
 * The document's TypeScript as programs: each snippet as it is written, with the import path changed to this package,
 * what the text around it presupposes put in front, and its variables exported.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { EventBus, PyRunner, ToolEngine } from "../../src/index.js";
import { HOST_DIR, linkPackage, tool } from "../host-package.js";
import { codeUnder } from "./document.js";

interface Snippet {
  readonly eventBus: EventBus & NodeJS.EventEmitter;
  readonly toolEngine: ToolEngine;
  readonly pyRunner: PyRunner;
}

export const SNIPPETS = [
  "Реєстрація Python Tool",
  "Конфігурація Runner",
  "Python Not Found",
  "Timeout Error",
  "Memory Error",
] as const;

/** Write the program of the snippet under this heading; its path. */
export function writeSnippet(heading: (typeof SNIPPETS)[number]): string {
  const [code] = codeUnder(heading, "typescript");
  const imported = ["ToolEngine", "PyRunner"].filter(
    (name) => code.includes(`new ${name}(`) && !code.includes(`import { ${name} }`),
  );
  const declared = ["toolEngine", "pyRunner"].filter((name) => code.includes(`const ${name} =`));
  const program = [
    'import { EventEmitter } from "node:events";',
    imported.length > 0 ? `import { ${imported.join(", ")} } from "pyrunner";` : "",
    "export const eventBus = new EventEmitter();",
    code.replaceAll('from "./core/', 'from "pyrunner/core/'),
    `export { ${declared.join(", ")} };`,
  ].join("\n");
  return writeProgram(String(SNIPPETS.indexOf(heading)), program);
}

/** Write a program where `pyrunner` is this package, as it is built; its path. */
export function writeProgram(name: string, program: string): string {
  linkPackage();
  const folder = path.join(HOST_DIR, ".snippets");
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `${name}.mts`);
  writeFileSync(file, program);
  return file;
}

/** Throws, with the compiler's messages on stdout, if one of these programs does not compile under strict. */
export function compile(files: readonly string[]): void {
  const flags = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--ignoreConfig"];
  const types = ["--types", "node", "--typeRoots", tool("@types")];
  execFileSync(process.execPath, [tool("typescript/bin/tsc"), ...flags, ...types, ...files], {
    stdio: "inherit",
  });
}

/** Run the snippet under this heading; what it declares. */
export async function runSnippet(heading: (typeof SNIPPETS)[number]): Promise<Snippet> {
  return import(pathToFileURL(writeSnippet(heading)).href);
}
