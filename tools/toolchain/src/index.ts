export { type CommandOptions, endChildrenOnSignal, exitCode, run, thrice, which } from "./command.ts";
export { canInstall, installPackages, needApt } from "./debian.ts";
export { Failure } from "./failure.ts";
export { nodeOfVersion, npmInstall } from "./node.ts";
export { cache, inCache, inRoot, root } from "./paths.ts";
export { rustEnvironment } from "./rust.ts";
export { type Detail, say, seconds, step } from "./steps.ts";
