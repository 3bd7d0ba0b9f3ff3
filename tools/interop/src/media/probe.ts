/** What ffprobe, which is nobody's relative here, finds in a file. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

export interface ProbedStream {
  readonly codec: string;
  readonly packets: number;
}

/** The streams of a file in its order, with the packets that ffprobe's own demuxer counts in each. */
export async function probe(file: string): Promise<ProbedStream[]> {
  const shown = ["-show_entries", "stream=codec_name,nb_read_packets", "-of", "json"];
  const { stdout } = await promisify(execFile)("ffprobe", ["-v", "error", "-count_packets", ...shown, file]);
  const { streams } = JSON.parse(stdout) as { streams: { codec_name: string; nb_read_packets: string }[] };
  return streams.map((stream) => ({ codec: stream.codec_name, packets: Number(stream.nb_read_packets) }));
}

/** Decodes the whole file and returns what ffmpeg complains about: nothing when every frame can be shown. */
export async function decodingErrors(file: string): Promise<string> {
  const { stderr } = await promisify(execFile)("ffmpeg", ["-v", "error", "-i", file, "-f", "null", "-"]);
  return stderr.trim();
}
