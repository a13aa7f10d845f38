//! The page's language: typed keys, typed placeholders, plural by Intl, one signal that every screen reads.

import { signal } from "@preact/signals";
import { en } from "./en";

export type MessageKey = keyof typeof en;
export type Messages = Record<MessageKey, string>;
export type Locale = "en" | "ko";

type Values = Record<string, string | number>;
/** The names between braces of an English sentence. */
type Placeholders<S extends string> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | Placeholders<Rest> : never;
type Arguments<K extends MessageKey> = [Placeholders<(typeof en)[K]>] extends [never]
  ? []
  : [values: Record<Placeholders<(typeof en)[K]>, string | number>];
/** Keys that come as `.one` and `.other`. */
type PluralKey = MessageKey extends infer K ? (K extends `${infer Stem}.other` ? Stem : never) : never;

export const LOCALES: Record<Locale, string> = { en: "English", ko: "한국어" };
const STORED = "callbox.locale";

export const locale = signal<Locale>("en");
const messages = signal<Messages>(en);

/** The sentence of a key in the present language. */
export function t<K extends MessageKey>(key: K, ...values: Arguments<K>): string {
  return fill(messages.value[key], (values[0] ?? {}) as Values);
}

/** As `t` for a key that is only known at run time. */
export function say(key: MessageKey, values: Values = {}): string {
  return fill(messages.value[key], values);
}

/** The sentence of `stem.<word>`, or of `stem.<fallback>` when there is none. */
export function word(stem: string, value: string, fallback: MessageKey, values: Values = {}): string {
  const key = `${stem}.${value}`;
  return say(Object.hasOwn(en, key) ? (key as MessageKey) : fallback, values);
}

/** The form of a counted sentence that fits `n`. */
export function plural(stem: PluralKey, n: number): string {
  const form = new Intl.PluralRules(locale.value).select(n) === "one" ? "one" : "other";
  return say(`${stem}.${form}` as MessageKey, { n: new Intl.NumberFormat(locale.value).format(n) });
}

function fill(text: string, values: Values): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole));
}

/** Loads a language and shows it. English is always here. */
export async function useLocale(wanted: Locale): Promise<void> {
  messages.value = wanted === "ko" ? (await import("./ko")).ko : en;
  locale.value = wanted;
  document.documentElement.lang = wanted;
}

/** Chosen by the person; remembered on this device. */
export async function chooseLocale(wanted: Locale): Promise<void> {
  try {
    localStorage.setItem(STORED, wanted);
  } catch {
    // Storage may be off: the choice then lasts as long as the page.
  }
  await useLocale(wanted);
}

/** At page load: the remembered choice, else the browser's first language that we have. */
export async function startLocale(): Promise<void> {
  let stored: string | null = null;
  try {
    stored = localStorage.getItem(STORED);
  } catch {
    // As above.
  }
  await useLocale(pickLocale(stored, navigator.languages));
}

export function pickLocale(stored: string | null, preferred: readonly string[]): Locale {
  const known = (tag: string | null): tag is Locale => tag !== null && Object.hasOwn(LOCALES, tag);
  if (known(stored)) return stored;
  for (const tag of preferred) {
    const language = tag.split("-")[0] ?? "";
    if (known(language)) return language;
  }
  return "en";
}
