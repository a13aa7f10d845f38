import { Button } from "./Button";

export interface Toast {
  id: number;
  tone: "info" | "good" | "bad";
  text: string;
}

/** Notices over the page; a live region, so that a screen reader speaks them. */
export function Toaster({ toasts, onDismiss, dismissLabel }: { toasts: Toast[]; onDismiss: (id: number) => void; dismissLabel: string }) {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.map((toast) => (
        <div key={toast.id} class={`toast toast-${toast.tone}`} data-testid="toast">
          <span>{toast.text}</span>
          <Button tone="quiet" small icon="close" iconOnly label={dismissLabel} onClick={() => onDismiss(toast.id)} />
        </div>
      ))}
    </div>
  );
}
