/**
 * Bounds of what a decoder accepts, beyond those the drafts set themselves. They keep the memory one peer can ask for small;
 * crossing one gives a CodecError of kind "limit".
 */
export interface Limits {
  /** Versions in one CLIENT_SETUP. Default 128. */
  readonly maxVersions: number;
  /** Parameters in one control message. Default 256; the drafts set no bound but the message's 65535 bytes. */
  readonly maxParameters: number;
  /** Bytes of extension headers on one object. Default 65536; a data-stream decoder buffers at most this and one header. */
  readonly maxExtensionBytes: number;
}

/** The default limits. */
export const defaultLimits: Limits = {
  maxVersions: 128,
  maxParameters: 256,
  maxExtensionBytes: 65_536,
};
