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
const SHOWN_MS = 7_000;

export const notices = signal<Notice[]>([]);
let nextId = 1;

export function notify(tone: Notice["tone"], key: MessageKey, values: Record<string, string | number> = {}): void {
  const notice: Notice = { id: nextId++, tone, key, values };
  notices.value = [...notices.value.slice(1 - MOST), notice];
  setTimeout(() => dismiss(notice.id), SHOWN_MS);
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((one) => one.id !== id);
}
