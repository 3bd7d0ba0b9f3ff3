/** Something the reader can act on: printed as one sentence, without a stack. */
export class Failure extends Error {
  override readonly name = "Failure";
}
