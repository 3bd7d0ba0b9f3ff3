/** The two parts of a URI that setup parameters carry, by the grammar of RFC 3986, section 3. */

const character = "[A-Za-z0-9\\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2}";
const path = new RegExp(`^(?:/(?:${character})*)*(?:\\?(?:${character}|[/?])*)?$`);

const nameCharacter = "[A-Za-z0-9\\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2}";
const authority = new RegExp(
  `^(?:(?:${nameCharacter}|:)*@)?(?:\\[[A-Za-z0-9\\-._~!$&'()*+,;=:]+\\]|(?:${nameCharacter})*)(?::[0-9]*)?$`,
);

/** Whether a text is `path-abempty [ "?" query ]`, the form of PATH (draft 14, section 9.3.2.2). */
export function isUriPath(text: string): boolean {
  return path.test(text);
}

/** Whether a text is an `authority`, the form of AUTHORITY (draft 14, section 9.3.2.1). */
export function isUriAuthority(text: string): boolean {
  return authority.test(text);
}
