/** Types of the web's interface definitions that TypeScript has in its DOM library only. */

/** Bytes: a buffer, or a view of one. */
export type BufferSource = ArrayBufferLike | ArrayBufferView;

/** Header fields, as `new Headers` takes them. */
export type HeadersInit = ConstructorParameters<typeof Headers>[0];
