import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Button } from "./Button";

/** A modal dialog on the native element: focus stays inside, Escape closes it. It is open as long as it is drawn. */
export function Dialog(props: { title: string; closeLabel: string; onClose: () => void; children: ComponentChildren; testid?: string }) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = element.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog ref={element} class="dialog" aria-labelledby={id} onCancel={(event) => { event.preventDefault(); props.onClose(); }} data-testid={props.testid}>
      <div class="dialog-head">
        <h2 class="subtitle" id={id}>{props.title}</h2>
        <Button tone="quiet" small icon="close" iconOnly label={props.closeLabel} onClick={props.onClose} testid="dialog-close" />
      </div>
      <div class="dialog-body">{props.children}</div>
    </dialog>
  );
}

/** A QR code on white in both schemes, or cameras cannot read it. */
export function Qr({ svg, alt, testid }: { svg: string; alt: string; testid?: string }) {
  // As a picture the SVG can run no script.
  return <img class="qr" src={`data:image/svg+xml;utf8,${encodeURIComponent(svg)}`} alt={alt} data-testid={testid} />;
}
