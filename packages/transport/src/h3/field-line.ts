/** A field of an HTTP message: name (lower case) and value. */
export type FieldLine = readonly [name: string, value: string];
