/** Where the page is: a folder of files for a relay, or any HTTP server, to serve. */
import { fileURLToPath } from "node:url";

/**
 * Path of the folder with `index.html` and what it needs. The page watches the broadcast in `?broadcast=PATH` (default "demo")
 * at the relay in `?relay=URL` (default: WebTransport at the host and port it came from).
 */
export const pageFolder: string = fileURLToPath(new URL("../dist/page/", import.meta.url));
