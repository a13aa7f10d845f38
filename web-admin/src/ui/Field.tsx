import type { InputHTMLAttributes } from "preact";
import { useId } from "preact/hooks";
import { Icon, type IconName } from "./Icon";

export interface FieldProps {
  label: string;
  value: string;
  onInput: (value: string) => void;
  hint?: string | undefined;
  error?: string | undefined;
  type?: "text" | "password";
  /** A short code: wide letters, capitals. */
  code?: boolean;
  required?: boolean;
  readOnly?: boolean;
  autoComplete?: string;
  autoFocus?: boolean;
  minLength?: number;
  maxLength?: number;
  inputMode?: "text" | "numeric";
  testid?: string;
}

/** A labelled input with its hint and error tied to it. */
export function Field(props: FieldProps) {
  const id = useId();
  const described = [props.hint && `${id}-hint`, props.error && `${id}-error`].filter(Boolean).join(" ");
  const shared: Omit<InputHTMLAttributes<HTMLInputElement>, "type" | "role" | "list"> & { "data-testid": string | undefined } = {
    id,
    class: props.code ? "field-input field-code" : "field-input",
    value: props.value,
    onInput: (event) => props.onInput(event.currentTarget.value),
    required: props.required,
    readOnly: props.readOnly,
    autocomplete: props.autoComplete as "off",
    autoFocus: props.autoFocus,
    minLength: props.minLength,
    maxLength: props.maxLength,
    inputMode: props.inputMode,
    autocapitalize: "none",
    spellcheck: false,
    "aria-invalid": props.error ? "true" : undefined,
    "aria-describedby": described || undefined,
    "data-testid": props.testid,
  };
  return (
    <div class="field">
      <label class="field-label" for={id}>{props.label}</label>
      {props.type === "password" ? <input type="password" {...shared} /> : <input type="text" {...shared} />}
      {props.error && <p class="field-error" id={`${id}-error`}>{props.error}</p>}
      {props.hint && <p class="field-hint" id={`${id}-hint`}>{props.hint}</p>}
    </div>
  );
}

export function SearchField({ label, value, onInput, testid }: { label: string; value: string; onInput: (value: string) => void; testid?: string }) {
  return (
    <div class="field-search">
      <Icon name="search" />
      <input class="field-input" type="search" aria-label={label} placeholder={label} value={value} onInput={(event) => onInput(event.currentTarget.value)} data-testid={testid} />
    </div>
  );
}

export interface Choice<T extends string> {
  value: T;
  label: string;
}

export function SelectField<T extends string>(props: { label: string; value: T; choices: Choice<T>[]; onChange: (value: T) => void; testid?: string }) {
  const id = useId();
  return (
    <div class="field">
      <label class="field-label" for={id}>{props.label}</label>
      <select id={id} class="field-input" value={props.value} onChange={(event) => props.onChange(event.currentTarget.value as T)} data-testid={props.testid}>
        {props.choices.map((choice) => <option key={choice.value} value={choice.value}>{choice.label}</option>)}
      </select>
    </div>
  );
}

/** A select without a frame, for the edge of a page. */
export function SmallSelect<T extends string>(props: { label: string; value: T; choices: Choice<T>[]; onChange: (value: T) => void; testid?: string }) {
  return (
    <select class="select-small" aria-label={props.label} value={props.value} onChange={(event) => props.onChange(event.currentTarget.value as T)} data-testid={props.testid}>
      {props.choices.map((choice) => <option key={choice.value} value={choice.value} lang={choice.value}>{choice.label}</option>)}
    </select>
  );
}

export function Switch(props: { label: string; checked: boolean; onChange: (on: boolean) => void; icon: IconName; testid?: string }) {
  return (
    <label class="switch" title={props.label}>
      <Icon name={props.icon} />
      <span class="button-label-wide">{props.label}</span>
      <input type="checkbox" role="switch" checked={props.checked} onChange={(event) => props.onChange(event.currentTarget.checked)} data-testid={props.testid} />
      <span class="switch-track" aria-hidden="true" />
    </label>
  );
}
