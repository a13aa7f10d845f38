import { useEffect, useState } from "preact/hooks";
import type { Line } from "../../api/socket";
import { say, t, word } from "../../i18n";
import { duration } from "../../i18n/format";
import { codeText } from "../../i18n/problem";
import type { PhoneCall } from "../../state/call-machine";
import type { Calls } from "../../state/calls";
import { CallButton, CallStage } from "../../ui/CallStage";
import { Hidden } from "../../ui/Layout";

/** The call that covers the page: ringing, talking, over. */
export function CallScreen({ calls, line }: { calls: Calls; line: Line }) {
  const call = calls.call.value;
  const words = call === null ? "" : inWords(call);
  return (
    <>
      <Hidden live="assertive">{call === null ? "" : `${call.peer.displayName}: ${words}`}</Hidden>
      {call !== null && <Stage calls={calls} call={call} line={line} words={words} />}
    </>
  );
}

function Stage({ calls, call, line, words }: { calls: Calls; call: PhoneCall; line: Line; words: string }) {
  const name = call.peer.displayName;
  const ringing = call.phase === "ringing";
  useTitle(ringing ? `${t("phase.ringing")}: ${name}` : null);
  return (
    <CallStage
      testid={ringing ? "incoming" : "in-call"}
      name={name}
      state={<>{words}<Duration call={call} /></>}
      protocolState={call.state}
      note={call.phase === "talking" && call.level !== null ? <span data-testid="quality" data-level={call.level}>{t(`level.${call.level}`)}</span> : undefined}
      warning={call.phase !== "over" && line !== "online" ? t("call.lineLost") : null}
      ringing={ringing || call.phase === "calling"}
      local={calls.own.stream.value}
      remote={calls.remoteStream.value}
      showLocal={calls.own.camera.value === "on" && calls.own.stream.value !== null}
      localLabel={t("call.ownPicture")}
      remoteLabel={t("call.theirPicture", { name })}
      hearLabel={t("call.hear", { name })}
      controls={<Controls calls={calls} call={call} />}
    />
  );
}

/** Each button has a key: a finger or a focus on one must not end up on the next one that takes its place. */
function Controls({ calls, call }: { calls: Calls; call: PhoneCall }) {
  if (call.phase === "over") return <CallButton key="call-dismiss" icon="check" label={t("call.dismiss")} onClick={() => calls.dismiss()} testid="call-dismiss" autoFocus />;
  if (call.phase === "ringing") {
    return (
      <>
        <CallButton key="reject" icon="hangUp" tone="end" label={t("call.reject")} onClick={() => void calls.reject()} testid="reject" />
        <CallButton key="accept" icon={call.media.video ? "video" : "phone"} tone="accept" label={t("call.accept")} onClick={() => void calls.accept()} testid="accept" autoFocus />
      </>
    );
  }
  const muted = calls.own.muted.value;
  const off = calls.own.camera.value !== "on";
  return (
    <>
      <CallButton key="mute" icon={muted ? "micOff" : "mic"} label={muted ? t("call.unmute") : t("call.mute")} pressed={muted} onClick={() => calls.own.toggleMute()} testid="mute" />
      <CallButton key="camera" icon={off ? "videoOff" : "video"} label={off ? t("call.cameraOn") : t("call.cameraOff")} pressed={off} onClick={() => void calls.toggleCamera()} testid="camera" />
      <CallButton key="hang-up" icon="hangUp" tone="end" label={t("call.hangUp")} onClick={() => void calls.hangUp()} testid="hang-up" />
    </>
  );
}

function Duration({ call }: { call: PhoneCall }) {
  const [now, setNow] = useState(Date.now());
  const running = call.phase === "talking" || call.phase === "reconnecting";
  useEffect(() => {
    if (!running) return undefined;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [running]);
  const ms = call.over !== null ? call.over.durationMs : running && call.answeredAt !== null ? now - call.answeredAt : 0;
  if (!running && ms === 0) return null;
  // Outside the live region: nobody wants every second spoken.
  return <span aria-label={t("call.duration")} data-testid="duration"> · {duration(ms)}</span>;
}

/** The call's state as a person would say it. */
function inWords(call: PhoneCall): string {
  if (call.phase === "over" && call.over !== null) {
    const { reason, code } = call.over;
    if (call.error !== null) return t(`callError.${call.error}`);
    if (code !== null) return codeText(code);
    if (reason === "rejected" && call.direction === "outgoing") return t("end.rejectedByThem", { name: call.peer.displayName });
    if ((reason === "timeout" || reason === "cancelled") && call.direction === "incoming") return t("end.missed");
    return word("end", reason ?? "error", "end.error");
  }
  if (call.phase === "ringing") {
    const name = call.peer.displayName;
    return call.media.video ? t("call.incomingVideo", { name }) : t("call.incoming", { name });
  }
  if (call.phase === "calling" && call.calleeStatus === "offline") return t("phase.waking");
  return say(`phase.${call.phase}`);
}

/** Shows a ring in the tab's title, for a person who looks at another tab. */
function useTitle(title: string | null): void {
  useEffect(() => {
    if (title === null) return undefined;
    const before = document.title;
    document.title = title;
    return () => {
      document.title = before;
    };
  }, [title]);
}
