//! The phone's half of the quality ladder: what it measures, and how it obeys the box's settings.

import type { ClientEvents, NetworkType, QualitySettings } from "../api/events";

/** The Network Information API, where a browser has it. */
interface NetworkInformation {
  type?: string;
  effectiveType?: string;
  downlink?: number;
}

/** The protocol's word for the network. A browser that does not say is "unknown". */
export function networkType(connection: NetworkInformation | undefined): NetworkType {
  switch (connection?.type) {
    case "wifi": return "wifi";
    case "ethernet": return "ethernet";
    case "cellular": return connection.effectiveType === "4g" ? "4g" : "3g";
    default: return "unknown";
  }
}

/** An estimate younger than this is the browser's first guess, not a measurement. */
const RAMP_MS = 8_000;
/** How long a narrow path is remembered after the sender was held below it. */
const REMEMBER_MS = 60_000;
/** Below this the box chooses the lowest level, in Mbit/s. */
const NARROW_MBPS = 2;

/** What one connection looks like at one moment; everything in kbit/s. */
export interface PathState {
  /** The browser's estimate of what the path carries. */
  estimate: number | null;
  /** What the box lets this phone send; null while nothing was said. */
  cap: number | null;
  /** The browser's guess about the whole network. */
  downlinkMbps: number | null;
}

/**
 * What is worth telling the box about a path.
 *
 * The browser never estimates much more than twice of what it is allowed to send, so an estimate near that says how
 * much is sent, not how much fits. Told as it is, it would hold a call on the lowest level for ever. And `downlink`
 * is a fixed low guess in an office without internet: it counts only upward, as a narrow path shows in the estimate.
 */
export class PathSampler {
  #since: number | null = null;
  #narrow: { kbps: number; at: number } | null = null;

  take(path: PathState, now: number): { downlinkMbps?: number; availableOutgoingKbps?: number } {
    const wide = path.downlinkMbps !== null && path.downlinkMbps >= NARROW_MBPS ? { downlinkMbps: path.downlinkMbps } : {};
    if (path.estimate === null || path.cap === null) return wide;
    this.#since ??= now;
    if (now - this.#since < RAMP_MS) return wide;
    if (path.estimate < path.cap * 2) {
      this.#narrow = { kbps: path.estimate, at: now };
      return { availableOutgoingKbps: path.estimate };
    }
    // Wide enough for the present level. Whether it is for a higher one was seen when it was tried last.
    if (this.#narrow !== null && now - this.#narrow.at < REMEMBER_MS) {
      return { availableOutgoingKbps: Math.max(path.estimate, this.#narrow.kbps) };
    }
    return wide;
  }
}

const samplers = new WeakMap<RTCPeerConnection, PathSampler>();

/** One sample for `network-quality`. */
export async function sample(pc: RTCPeerConnection | null): Promise<Omit<ClientEvents["network-quality"], "callId">> {
  const connection = (navigator as Navigator & { connection?: NetworkInformation }).connection;
  const downlinkMbps = connection?.downlink ?? null;
  const type = networkType(connection);
  if (pc === null) return { type };
  const sampler = samplers.get(pc) ?? new PathSampler();
  samplers.set(pc, sampler);
  const path = { estimate: await outgoingKbps(pc), cap: capOf(pc), downlinkMbps };
  return { type, ...sampler.take(path, performance.now()) };
}

/** What the box lets the picture take; null before it said so, or without a picture. */
function capOf(pc: RTCPeerConnection): number | null {
  const picture = pc.getSenders().find((sender) => sender.track?.kind === "video");
  const bits = picture?.getParameters().encodings[0]?.maxBitrate;
  return bits === undefined ? null : bits / 1000;
}

/** The browser's own bandwidth estimate of the path in use. */
async function outgoingKbps(pc: RTCPeerConnection): Promise<number | null> {
  let best: number | null = null;
  const report = await pc.getStats();
  report.forEach((entry: { type: string; nominated?: boolean; availableOutgoingBitrate?: number }) => {
    if (entry.type !== "candidate-pair" || !entry.nominated) return;
    if (typeof entry.availableOutgoingBitrate === "number") best = Math.round(entry.availableOutgoingBitrate / 1000);
  });
  return best;
}

/** How a picture of the camera's height is brought down to the wanted one. Never up. */
export function scaleFor(cameraHeight: number | undefined, wanted: number): number {
  if (!cameraHeight || cameraHeight <= wanted) return 1;
  return cameraHeight / wanted;
}

/** Applies the box's settings to what is sent. */
export async function apply(pc: RTCPeerConnection, settings: QualitySettings): Promise<void> {
  for (const sender of pc.getSenders()) {
    const track = sender.track;
    if (track?.kind !== "video") continue;
    await track
      .applyConstraints({
        width: { ideal: settings.width },
        height: { ideal: settings.height },
        frameRate: { ideal: settings.frameRate },
      })
      // A camera that cannot do it keeps its picture; the encoder is still held to the settings.
      .catch(() => {});
    const parameters = sender.getParameters();
    for (const encoding of parameters.encodings) {
      encoding.scaleResolutionDownBy = scaleFor(track.getSettings().height, settings.height);
      encoding.maxFramerate = settings.frameRate;
      encoding.maxBitrate = settings.maxKbps * 1000;
    }
    await sender.setParameters(parameters);
  }
}
