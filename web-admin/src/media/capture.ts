//! Microphone and camera: asking for them, and saying in the protocol's words why they are not there.

import type { CallError, Media } from "../api/model";

/** Why there is no sound or picture. */
export class CaptureFault extends Error {
  override readonly name = "CaptureFault";

  constructor(
    /** The word the other side is told. */
    readonly wire: CallError,
    /** The sentence the person here reads: a key below `capture.` */
    readonly reason: "refused" | "missing" | "in_use" | "insecure",
  ) {
    super(reason);
  }
}

export interface Captured {
  stream: MediaStream;
  /** A video call whose camera could not be had goes on with sound only. */
  cameraFault: CaptureFault | null;
}

const SOUND: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const PICTURE: MediaTrackConstraints = {
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 30 },
  facingMode: "user",
};

/** Asks for what a call needs. Throws CaptureFault when there is no microphone. */
export async function capture(media: Media): Promise<Captured> {
  if (!media.video) return { stream: await get({ audio: SOUND }), cameraFault: null };
  try {
    return { stream: await get({ audio: SOUND, video: PICTURE }), cameraFault: null };
  } catch (error) {
    const fault = faultOf(error);
    if (fault.reason === "insecure") throw fault;
    return { stream: await get({ audio: SOUND }), cameraFault: fault };
  }
}

/** Asks for the camera alone, to add it to a running call. Throws CaptureFault. */
export async function captureCamera(): Promise<MediaStreamTrack> {
  const [track] = (await get({ video: PICTURE })).getVideoTracks();
  if (!track) throw new CaptureFault("MediaError", "missing");
  return track;
}

async function get(constraints: MediaStreamConstraints): Promise<MediaStream> {
  // Absent outside a secure context: the box's certificate is not trusted here.
  if (!navigator.mediaDevices?.getUserMedia) throw new CaptureFault("PermissionError", "insecure");
  try {
    return await navigator.mediaDevices.getUserMedia(constraints);
  } catch (error) {
    throw faultOf(error);
  }
}

export function faultOf(error: unknown): CaptureFault {
  if (error instanceof CaptureFault) return error;
  switch ((error as Error | null)?.name) {
    case "NotAllowedError":
    case "SecurityError": return new CaptureFault("PermissionError", "refused");
    case "NotFoundError":
    case "OverconstrainedError": return new CaptureFault("MediaError", "missing");
    default: return new CaptureFault("MediaError", "in_use");
  }
}
