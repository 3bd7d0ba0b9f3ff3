/** The one class of the WebAssembly JavaScript API that packages/engine/src/webassembly.d.ts does not declare. */
declare namespace WebAssembly {
  class Instance {
    constructor(module: Module, imports: object);
    readonly exports: Record<string, unknown>;
  }
}
