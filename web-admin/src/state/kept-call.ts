//! The call of this tab, kept over a reload: the page that comes back offers a new connection in its place.

import type { KeptCall } from "./call-machine";

const KEY = "callbox.call";

/** Holds no more than the call needs; the tab's storage ends with the tab. */
export function keepCall(call: KeptCall | null): void {
  try {
    if (call === null) sessionStorage.removeItem(KEY);
    else {
      const { callId, direction, peer, media, answeredAt } = call;
      sessionStorage.setItem(KEY, JSON.stringify({ callId, direction, peer, media, answeredAt }));
    }
  } catch {
    // Storage may be off: a reload then ends the call for this phone.
  }
}

/** Only for a page that was loaded again: a duplicated tab gets a copy of the storage, but not of the call. */
export function keptCall(): KeptCall | null {
  const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  if (navigation?.type !== "reload" && navigation?.type !== "back_forward") return null;
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "null") as KeptCall | null;
  } catch {
    return null;
  }
}
