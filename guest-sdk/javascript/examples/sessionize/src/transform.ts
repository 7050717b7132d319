// Numbers the sessions of users: a session ends with a gap in time. Keeps the last session of every user that it saw.

import {
  Fault,
  Filter,
  int64,
  integers,
  isInteger,
  isTimestamp,
  param,
  text,
  transform,
  unitOf,
  utf8,
  type Column,
  type Unit,
  type View,
} from "sluicegate";

interface Session {
  /** Counted from one for each user. */
  number: number;
  start: bigint;
  last: bigint;
}

const PER_MINUTE: Record<Unit, number> = { s: 60, ms: 60e3, us: 60e6, ns: 60e9 };
/** So that no gap comes near the end of 64 bits. */
const TICKS_MAX = 2 ** 62;

const times: View<Column<bigint>> = {
  expected: "a timestamp or int64",
  accepts: (type) => isTimestamp(type) || type.equals(int64),
  of: (column) => column as Column<bigint>,
};

export default transform({
  params: {
    // The column that tells users apart, text or integers.
    user: param.string({ default: "user" }),
    // The column of event times, timestamps or integers.
    time: param.string({ default: "time" }),
    // What an integer time counts.
    time_unit: param.oneOf(["s", "ms", "us", "ns"], { default: "s" }),
    // A longer pause than this starts a new session.
    gap_minutes: param.number({ default: 30 }),
  },

  bind(plan, params) {
    const user = isInteger(plan.field(params.user).type)
      ? plan.read(params.user, integers)
      : plan.read(params.user, text);
    const time = plan.read(params.time, times);
    const { type } = plan.field(params.time);
    plan.passAll().compute("session_id", utf8, { nullable: false }).compute("session_start", type, { nullable: false });
    const gap = ticks(unitOf(type) ?? params.time_unit, params.gap_minutes);
    const sessions = new Map<string, Session>();

    return (batch, out) => {
      const users = (batch.column(user as typeof time) as Column<unknown>).toArray();
      const at = batch.column(time).toArray();
      const [ids, starts]: [string[], bigint[]] = [[], []];
      const kept = users.map((given, row) => {
        const now = at[row]!;
        if (given === null || now === null) {
          out.reject(row, given === null ? "the user is null" : "the time is null");
          return false;
        }
        const name = String(given);
        const session = next(sessions.get(name), name, now, gap, row);
        sessions.set(name, session);
        ids.push(`${name}-${session.number}`);
        starts.push(session.start);
        return true;
      });
      out.filter(Filter.from(kept), { session_id: ids, session_start: starts });
    };
  },
});

/** The session of a user at a time. */
function next(session: Session | undefined, user: string, time: bigint, gap: bigint, row: number): Session {
  if (!session) return { number: 1, start: time, last: time };
  if (time < session.last) {
    throw Fault.data(
      `row ${row} of the batch: the time of user \`${user}\` goes back from ${session.last} to ${time}; ` +
        "set `partition_by` to the user and `order_by` to the time in this step",
    );
  }
  if (time - session.last > gap) return { number: session.number + 1, start: time, last: time };
  session.last = time;
  return session;
}

/** So many minutes in this unit, rounded down. */
function ticks(unit: Unit, minutes: number): bigint {
  const count = Math.floor(minutes * PER_MINUTE[unit]);
  if (!(minutes > 0 && count <= TICKS_MAX))
    throw Fault.invalid(`parameter \`gap_minutes\` of ${minutes} is out of range`);
  return BigInt(count);
}
