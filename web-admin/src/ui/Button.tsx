import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./Icon";

export interface ButtonProps {
  children?: ComponentChildren;
  tone?: "primary" | "plain" | "quiet" | "danger" | "danger-quiet";
  icon?: IconName;
  /** Shows the icon only; the words are for screen readers. */
  iconOnly?: boolean;
  /** Hides the words on narrow screens only. */
  shrink?: boolean;
  /** What a screen reader says instead of the words. */
  label?: string;
  small?: boolean;
  wide?: boolean;
  busy?: boolean;
  disabled?: boolean;
  submit?: boolean;
  onClick?: () => void;
  testid?: string;
}

export function Button(props: ButtonProps) {
  const { tone = "plain", icon, iconOnly, shrink, small, wide, busy, disabled, submit, onClick, label, testid, children } = props;
  const classes = ["button", `button-${tone}`, small && "button-small", wide && "button-wide", iconOnly && "button-icon"];
  const words = iconOnly ? "hidden-visually" : shrink ? "button-label-wide" : undefined;
  return (
    <button
      type={submit ? "submit" : "button"}
      class={classes.filter(Boolean).join(" ")}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      aria-label={label}
      title={iconOnly || shrink ? label : undefined}
      onClick={onClick}
      data-testid={testid}
    >
      {busy ? <span class="spinner" aria-hidden="true" /> : icon && <Icon name={icon} />}
      {children !== undefined && <span class={words}>{children}</span>}
    </button>
  );
}

/** A link that looks like a button: it goes somewhere. */
export function ButtonLink({ href, children, icon, tone = "plain" }: { href: string; children: ComponentChildren; icon?: IconName; tone?: "primary" | "plain" }) {
  return (
    <a class={`button button-${tone}`} href={href}>
      {icon && <Icon name={icon} />}
      {children}
    </a>
  );
}
