//! Short notices that a person sees once and a screen reader speaks. They carry keys, not sentences.

import { signal } from "@preact/signals";
import type { MessageKey } from "../i18n";

export interface Notice {
  id: number;
  tone: "info" | "good" | "bad";
  key: MessageKey;
  values: Record<string, string | number>;
}

/** More would cover the screen; the oldest goes first. */
const MOST = 4;
const SHOWN_MS = { info: 7_000, good: 4_000, bad: 9_000 };

export const notices = signal<Notice[]>([]);
let nextId = 1;

export function notify(tone: Notice["tone"], key: MessageKey, values: Record<string, string | number> = {}): void {
  const notice: Notice = { id: nextId++, tone, key, values };
  // Good news replaces good news; what went wrong stays beside it.
  const others = tone === "good" ? notices.value.filter((one) => one.tone !== "good") : notices.value;
  notices.value = [...others.slice(1 - MOST), notice];
  setTimeout(() => dismiss(notice.id), SHOWN_MS[tone]);
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((one) => one.id !== id);
}
