import type { ComponentChildren } from "preact";
import { Icon, Mark, type IconName } from "./Icon";

type Children = { children?: ComponentChildren };

export interface Tab {
  href: string;
  label: string;
  icon: IconName;
  current: boolean;
  testid?: string;
}

/** A page with a header, sections and content. */
export function Frame(props: Children & { name: string; sub: ComponentChildren; actions?: ComponentChildren; tabs: Tab[]; tabsLabel: string; narrow?: boolean }) {
  return (
    <div class={props.narrow ? "frame frame-narrow" : "frame"}>
      <header class="frame-head">
        <div class="frame-bar">
          <div class="frame-brand">
            <Mark />
            <div class="frame-brand-text">
              <div class="frame-brand-name">{props.name}</div>
              <div class="frame-brand-sub">{props.sub}</div>
            </div>
          </div>
          <div class="frame-actions">{props.actions}</div>
        </div>
        {props.tabs.length > 0 && (
          <nav class="frame-tabs" aria-label={props.tabsLabel}>
            {props.tabs.map((tab) => (
              <a key={tab.href} class="tab" href={tab.href} aria-current={tab.current ? "page" : undefined} data-testid={tab.testid}>
                <Icon name={tab.icon} />
                {tab.label}
              </a>
            ))}
          </nav>
        )}
      </header>
      <main class="frame-main">{props.children}</main>
    </div>
  );
}

/** One card in the middle of the page: sign-in, set-up. */
export function Center(props: Children & { title: string; lead?: string; foot?: ComponentChildren }) {
  return (
    <div class="center">
      <main class="center-card">
        <div class="center-brand">
          <Mark large />
          <div class="stack stack-tight">
            <h1 class="title">{props.title}</h1>
            {props.lead && <p class="quiet">{props.lead}</p>}
          </div>
        </div>
        {props.children}
      </main>
      <footer class="center-foot">{props.foot}</footer>
    </div>
  );
}

export function Panel({ children, flush }: Children & { flush?: boolean }) {
  return <section class={flush ? "panel panel-flush" : "panel"}>{children}</section>;
}

export function Stack({ children, gap }: Children & { gap?: "tight" | "loose" }) {
  return <div class={gap ? `stack stack-${gap}` : "stack"}>{children}</div>;
}

export function Row({ children, align }: Children & { align?: "end" | "between" }) {
  return <div class={align ? `row row-${align}` : "row"}>{children}</div>;
}

export function Grid({ children }: Children) {
  return <div class="grid">{children}</div>;
}

/** A form as a stack. */
export function Form({ children, onSubmit }: Children & { onSubmit: () => void }) {
  return (
    <form class="stack" onSubmit={(event) => { event.preventDefault(); onSubmit(); }}>
      {children}
    </form>
  );
}

/** The page's heading; hidden where a tab already shows the same word. */
export function Title({ children, hidden }: Children & { hidden?: boolean }) {
  return <h1 class={hidden ? "hidden-visually" : "title"}>{children}</h1>;
}

export function Subtitle({ children }: Children) {
  return <h2 class="subtitle">{children}</h2>;
}

export function Text({ children, kind }: Children & { kind?: "quiet" | "overline" | "figure" | "mono" | "small quiet" }) {
  return <p class={kind}>{children}</p>;
}

export function Facts({ facts }: { facts: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => [<dt key={`${name}-name`}>{name}</dt>, <dd key={name}>{value}</dd>])}
    </dl>
  );
}

export function Link({ href, children, testid }: Children & { href: string; testid?: string }) {
  return <a class="link" href={href} data-testid={testid}>{children}</a>;
}

export function List({ children, label }: Children & { label: string }) {
  return <ul class="list" aria-label={label}>{children}</ul>;
}

export interface ListRowProps {
  lead?: ComponentChildren;
  title: string;
  bad?: boolean;
  detail?: ComponentChildren;
  actions?: ComponentChildren;
  testid?: string;
  /** `data-*` values that tests read. */
  data?: Record<`data-${string}`, string>;
}

export function ListRow({ lead, title, bad, detail, actions, testid, data }: ListRowProps) {
  return (
    <li class="list-row" data-testid={testid} {...data}>
      {lead}
      <div class="list-text">
        <div class={bad ? "list-title list-title-bad" : "list-title"}>{title}</div>
        <div class="list-detail">{detail}</div>
      </div>
      {actions && <div class="list-actions">{actions}</div>}
    </li>
  );
}

/** Words for screen readers only. */
export function Hidden({ children, live }: Children & { live?: "polite" | "assertive" }) {
  return <div class="hidden-visually" aria-live={live}>{children}</div>;
}
