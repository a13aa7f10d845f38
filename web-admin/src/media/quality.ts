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

/** One sample for `network-quality`. */
export async function sample(pc: RTCPeerConnection | null): Promise<Omit<ClientEvents["network-quality"], "callId">> {
  const connection = (navigator as Navigator & { connection?: NetworkInformation }).connection;
  const out: Omit<ClientEvents["network-quality"], "callId"> = { type: networkType(connection) };
  if (typeof connection?.downlink === "number") out.downlinkMbps = connection.downlink;
  const kbps = pc === null ? null : await outgoingKbps(pc);
  if (kbps !== null) out.availableOutgoingKbps = kbps;
  return out;
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
