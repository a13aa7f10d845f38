//! This phone's own sound and picture during a call: opened, muted, switched, given back.

import { signal } from "@preact/signals";
import type { Media } from "../api/model";
import { faultOf, type Captured, type CaptureFault } from "../media/capture";
import { notify } from "./notice";

/** Where microphone and camera come from; tests put their own in. */
export interface Devices {
  capture(media: Media): Promise<Captured>;
  captureCamera(): Promise<MediaStreamTrack>;
}

export class OwnMedia {
  readonly stream = signal<MediaStream | null>(null);
  readonly muted = signal(false);
  /** "none": this call has no camera yet. */
  readonly camera = signal<"on" | "off" | "none">("none");

  constructor(private readonly devices: Devices) {}

  /** Asks for what a call needs. When the call is no longer wanted meanwhile, everything is given back. */
  async open(media: Media, wanted: () => boolean): Promise<CaptureFault | null> {
    try {
      const captured = await this.devices.capture(media);
      if (!wanted()) {
        for (const track of captured.stream.getTracks()) track.stop();
        return null;
      }
      this.stream.value = captured.stream;
      this.muted.value = false;
      this.camera.value = captured.stream.getVideoTracks().length > 0 ? "on" : "none";
      if (captured.cameraFault !== null) notify("info", `capture.camera_${captured.cameraFault.reason}`);
      return null;
    } catch (error) {
      return faultOf(error);
    }
  }

  close(): void {
    for (const track of this.stream.value?.getTracks() ?? []) track.stop();
    this.stream.value = null;
  }

  toggleMute(): void {
    this.muted.value = !this.muted.value;
    for (const track of this.stream.value?.getAudioTracks() ?? []) track.enabled = !this.muted.value;
  }

  /** Switches the camera. The first time in a call without picture it is asked for, and `add` puts it into the call. */
  async toggleCamera(add: (track: MediaStreamTrack, stream: MediaStream) => void): Promise<void> {
    const stream = this.stream.value;
    if (this.camera.value !== "none") {
      const on = this.camera.value === "off";
      for (const track of stream?.getVideoTracks() ?? []) track.enabled = on;
      this.camera.value = on ? "on" : "off";
      return;
    }
    if (stream === null) return;
    try {
      const track = await this.devices.captureCamera();
      if (this.stream.value !== stream) {
        track.stop();
        return;
      }
      stream.addTrack(track);
      add(track, stream);
      this.camera.value = "on";
    } catch (error) {
      notify("bad", `capture.camera_${faultOf(error).reason}`);
    }
  }
}
