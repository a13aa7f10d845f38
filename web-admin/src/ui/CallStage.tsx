import "../styles/call.css";
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "./Icon";
import { Avatar } from "./Status";

export interface CallStageProps {
  name: string;
  /** The call in plain words. */
  state: ComponentChildren;
  /** The protocol's state, for tests. */
  protocolState: string;
  note?: ComponentChildren;
  warning?: string | null;
  ringing?: boolean;
  local: MediaStream | null;
  remote: MediaStream | null;
  showLocal: boolean;
  localLabel: string;
  remoteLabel: string;
  /** Shown when the browser wants a touch before it plays. */
  hearLabel: string;
  controls: ComponentChildren;
  testid?: string;
}

/** The whole-page view of a call: their picture or name, the own picture, the controls. */
export function CallStage(props: CallStageProps) {
  const [picture, setPicture] = useState(false);
  const classes = picture ? "call call-over-picture" : "call";
  return (
    <section class={classes} aria-label={props.name} data-testid={props.testid}>
      <RemoteVideo stream={props.remote} label={props.remoteLabel} hearLabel={props.hearLabel} shown={picture} onPicture={setPicture} />
      <div class="call-head">
        <h1 class="call-name">{props.name}</h1>
        <div class="call-state" data-testid="call-state" data-state={props.protocolState}>{props.state}</div>
        {props.note && <div class="call-note">{props.note}</div>}
        {props.warning && <div class="call-warn" role="status">{props.warning}</div>}
      </div>
      <div class="call-middle">
        {!picture && <div class={props.ringing ? "call-pulse" : undefined}><Avatar name={props.name} large /></div>}
      </div>
      <LocalVideo stream={props.local} label={props.localLabel} shown={props.showLocal} />
      <div class="call-controls">{props.controls}</div>
    </section>
  );
}

function LocalVideo({ stream, label, shown }: { stream: MediaStream | null; label: string; shown: boolean }) {
  const element = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (element.current && element.current.srcObject !== stream) element.current.srcObject = stream;
  }, [stream]);
  return <video ref={element} class={shown ? "call-local" : "call-local call-local-hidden"} aria-label={label} autoPlay muted playsInline data-testid="local-video" />;
}

interface RemoteVideoProps {
  stream: MediaStream | null;
  label: string;
  hearLabel: string;
  shown: boolean;
  onPicture: (picture: boolean) => void;
}

/** Plays sound and picture of the other side. Without a picture it still plays the sound. */
function RemoteVideo({ stream, label, hearLabel, shown, onPicture }: RemoteVideoProps) {
  const element = useRef<HTMLVideoElement>(null);
  const [held, setHeld] = useState(false);
  const play = () => element.current?.play().then(() => setHeld(false), (error: Error) => setHeld(error.name === "NotAllowedError"));
  useEffect(() => {
    const video = element.current;
    if (!video) return;
    video.srcObject = stream;
    if (stream) void play();
    // A picture is there when it has a size: a silent video line has none.
    const look = () => onPicture(video.videoWidth > 0 && stream !== null && stream.getVideoTracks().length > 0);
    look();
    video.addEventListener("resize", look);
    video.addEventListener("loadedmetadata", look);
    return () => {
      video.removeEventListener("resize", look);
      video.removeEventListener("loadedmetadata", look);
    };
  }, [stream]);
  return (
    <>
      <video ref={element} class={shown ? "call-remote" : "call-remote call-remote-hidden"} aria-label={label} autoPlay playsInline data-testid="remote-video" />
      {held && (
        <div class="call-controls">
          <CallButton icon="sound" label={hearLabel} onClick={play} />
        </div>
      )}
    </>
  );
}

export function CallButton(props: { icon: IconName; label: string; tone?: "accept" | "end"; pressed?: boolean; onClick: () => void; autoFocus?: boolean; testid?: string }) {
  return (
    <button
      type="button"
      class={props.tone ? `call-button call-button-${props.tone}` : "call-button"}
      aria-pressed={props.pressed === undefined ? undefined : props.pressed ? "true" : "false"}
      onClick={props.onClick}
      autoFocus={props.autoFocus}
      data-testid={props.testid}
    >
      <span class="call-button-face"><Icon name={props.icon} /></span>
      {props.label}
    </button>
  );
}
