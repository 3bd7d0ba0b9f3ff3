/** How a benchmark is run. */
export interface Settings {
  /** How long each contender is measured in each round. */
  readonly seconds: number;
  /** Every contender gets a turn in every round; the median round counts. */
  readonly rounds: number;
  /** Before each measurement, so that code is compiled and windows are open. */
  readonly warmUpMs: number;
  /** Fetch and run other people's programs too. */
  readonly peers: boolean;
  /** Folder for CPU profiles of one more round, whose figures do not count. */
  readonly profile?: string;
}
