//! The other pages of this browser that share a session. The box keeps one socket of a session, the newest; here a
//! page learns that another one took the line, so that the two do not take it from each other for ever.

const CHANNEL = "callbox.line";

export class OtherPages {
  /** Another page connects as this device. */
  onTaken: (deviceId: string) => void = () => {};

  readonly #channel = new BroadcastChannel(CHANNEL);

  constructor() {
    this.#channel.onmessage = (message: MessageEvent<unknown>) => {
      if (typeof message.data === "string") this.onTaken(message.data);
    };
  }

  /** Tells the others that this page connects now. It does not hear itself. */
  take(deviceId: string): void {
    this.#channel.postMessage(deviceId);
  }
}
