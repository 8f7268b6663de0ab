/**
 * A clock that is set forward and back by a day while a job runs, as a preload (`node --import`) of
 * its process and threads. What measures time (performance.now, hrtime) goes on.
 */
const DAY_MS = 24 * 60 * 60 * 1000;
/** How long it stays where it was set. */
const STAYS_MS = 150;
const { now } = Date;
const startMs = now();
Date.now = () => {
  const ms = now();
  return ms + DAY_MS * [0, 1, -1][Math.floor((ms - startMs) / STAYS_MS) % 3];
};
