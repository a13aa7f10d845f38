import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./Icon";

export type Tone = "good" | "warn" | "bad" | "idle";

/** A coloured mark with its word. */
export function Status({ tone, children, testid }: { tone: Tone; children: ComponentChildren; testid?: string }) {
  return (
    <span class={`status status-${tone}`} data-testid={testid}>
      <span class="status-dot" aria-hidden="true" />
      {children}
    </span>
  );
}

export function Badge({ tone, children }: { tone?: "good" | "warn" | "bad" | "info"; children: ComponentChildren }) {
  return <span class={tone ? `badge badge-${tone}` : "badge"}>{children}</span>;
}

/** A message in the flow of the page. Problems are spoken at once. */
export function Alert({ tone = "bad", icon = "alert", children, testid }: { tone?: "bad" | "warn" | "info"; icon?: IconName; children: ComponentChildren; testid?: string }) {
  return (
    <div class={`alert alert-${tone}`} role={tone === "bad" ? "alert" : "status"} data-testid={testid}>
      <Icon name={icon} />
      <div class="alert-body">{children}</div>
    </div>
  );
}

export function Waiting({ children }: { children: ComponentChildren }) {
  return (
    <div class="waiting" role="status">
      <span class="spinner" aria-hidden="true" />
      {children}
    </div>
  );
}

export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <div class="empty-icon"><Icon name={icon} /></div>
      <h2 class="subtitle">{title}</h2>
      {children}
    </div>
  );
}

/** The first letters of a name on a quiet colour that stays with the name. */
export function Avatar({ name, large }: { name: string; large?: boolean }) {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 9973;
  return <span class={`avatar avatar-${sum % 6}${large ? " avatar-large" : ""}`} aria-hidden="true">{initials(name)}</span>;
}

export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const first = [...(words[0] ?? "?")][0] ?? "?";
  // Hangul and Han names are one word whose first letter says enough.
  const last = words.length > 1 ? ([...(words.at(-1) ?? "")][0] ?? "") : "";
  return (first + last).toUpperCase();
}
