/** A clock for countdowns: `ms` moves twice a second. */
export const now = $state({ ms: performance.now() });

setInterval(() => (now.ms = performance.now()), 500);
