/** Why a transform cannot go on; the run ends with its message. */
export class Fault extends Error {
  override readonly name = "Fault";

  readonly kind: "invalid" | "data" | "transient";

  private constructor(kind: "invalid" | "data" | "transient", message: string) {
    super(message);
    this.kind = kind;
  }

  /** The parameters or the input schema do not fit: the run fails before any data is read. */
  static invalid(message: string): Fault {
    return new Fault("invalid", message);
  }

  /** The data cannot be processed. For a single bad row, use `out.reject`. */
  static data(message: string): Fault {
    return new Fault("data", message);
  }

  /** Worth another try, as a dependency did not answer. */
  static transient(message: string): Fault {
    return new Fault("transient", message);
  }
}

/** At most this many names are listed in an error, so that a wide schema stays readable. */
const NAMES_MAX = 40;

/** Names what exists, and the nearest to `wanted`, for an error about a name that does not. */
export function namesHint(wanted: string, existing: readonly string[]): string {
  if (existing.length === 0) return "there are none";
  const more = existing.length - NAMES_MAX;
  const listed = existing.slice(0, NAMES_MAX).map((name) => `\`${name}\``);
  const list = `there are ${listed.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  const near = nearest(wanted, existing);
  return near === undefined ? list : `did you mean \`${near}\`? ${list}`;
}

function nearest(wanted: string, existing: readonly string[]): string | undefined {
  let [best, least] = [undefined as string | undefined, 1 + Math.floor(wanted.length / 3)];
  for (const name of existing) {
    const edits = distance(wanted.toLowerCase(), name.toLowerCase());
    if (edits < least || (edits === least && best === undefined)) [best, least] = [name, edits];
  }
  return best;
}

/** Letters to insert, remove, replace or swap with their neighbour. */
function distance(a: string, b: string): number {
  let [before, above] = [[] as number[], Array.from({ length: b.length + 1 }, (_, column) => column)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let edits = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) edits = Math.min(edits, before[j - 2]! + 1);
      row.push(edits);
    }
    [before, above] = [above, row];
  }
  return above[b.length]!;
}
