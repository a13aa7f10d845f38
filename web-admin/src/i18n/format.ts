//! Times and durations in the page's language.

import { locale } from ".";

/** "14:05" today, "Mon 14:05" within a week, else the date. */
export function moment(iso: string, now: number = Date.now()): string {
  const at = new Date(iso);
  const time: Intl.DateTimeFormatOptions = { hour: "numeric", minute: "2-digit" };
  if (new Date(now).toDateString() === at.toDateString()) return format(at, time);
  if (now - at.getTime() < 6 * 86_400_000) return format(at, { weekday: "short", ...time });
  return format(at, { dateStyle: "medium" });
}

export function clockTime(iso: string): string {
  return format(new Date(iso), { hour: "numeric", minute: "2-digit" });
}

function format(at: Date, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat(regional(locale.value), options).format(at);
}

/** The person's own region of a language, where the browser names one: 14:05 in "en-GB", 2:05 PM in "en-US". */
export function regional(language: string, wanted: readonly string[] = typeof navigator === "undefined" ? [] : navigator.languages): string {
  return wanted.find((one) => one === language || one.startsWith(`${language}-`)) ?? language;
}

/** "0:42", "12:03", "1:02:03". */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (n: number) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
