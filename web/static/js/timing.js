// The clock rules of a service day: the twin of timebank/service/timing.py, as far as a scan needs it.
// A moment is a number of milliseconds since 1970 in universal time; only text knows a zone.

const MINUTE = 60_000;
const WINDOW_BEFORE = 60 * MINUTE;
const WINDOW_AFTER = 60 * MINUTE;
export const OUT_AFTER_IN_MIN = 5 * MINUTE;

export const windowOpensAt = (startsAt) => startsAt - WINDOW_BEFORE;
export const windowClosesAt = (endsAt) => endsAt + WINDOW_AFTER;
export const wholeMinutes = (begin, end) => Math.max(0, Math.floor((end - begin) / MINUTE));

const walls = new Map();

// Making a formatter costs more than to use it a thousand times: one for each zone is kept.
const wallOf = (zone) => {
  if (!walls.has(zone)) {
    const parts = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" };
    walls.set(zone, new Intl.DateTimeFormat("en-GB", { ...parts, timeZone: zone, hourCycle: "h23" }));
  }
  return walls.get(zone);
};

const onWall = (moment, zone) => {
  const found = Object.fromEntries(wallOf(zone).formatToParts(moment).map(({ type, value }) => [type, value]));
  return {
    date: `${found.year.padStart(4, "0")}-${found.month}-${found.day}`,
    clock: `${Number(found.hour)}:${found.minute}`,
  };
};

// 8:58, or 2026-11-09 8:58 on another day than now.
export const localText = (moment, zone, now) => {
  const there = onWall(moment, zone);
  return there.date === onWall(now, zone).date ? there.clock : `${there.date} ${there.clock}`;
};
