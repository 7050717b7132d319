/** Messages for the person who runs the transform; the host limits their volume. */

export type Level = "trace" | "debug" | "info" | "warn" | "error";

let sink: (level: Level, message: string) => void = (level, message) => console.error(`${level} ${message}`);

/** Sends messages elsewhere. */
export function setSink(to: (level: Level, message: string) => void): void {
  sink = to;
}

export const log = {
  /** Every step. */
  trace: (message: string): void => sink("trace", message),
  /** What helps to find a mistake. */
  debug: (message: string): void => sink("debug", message),
  /** What happened. */
  info: (message: string): void => sink("info", message),
  /** What may be wrong. */
  warn: (message: string): void => sink("warn", message),
  /** What is wrong. */
  error: (message: string): void => sink("error", message),
};
