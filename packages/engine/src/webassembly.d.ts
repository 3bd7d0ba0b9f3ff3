/** What we use of the WebAssembly JavaScript API; TypeScript has it only beside the DOM's types. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
    static imports(module: Module): { module: string; name: string; kind: string }[];
    static exports(module: Module): { name: string; kind: string }[];
  }
  interface Memory {
    readonly buffer: ArrayBuffer;
  }
}
