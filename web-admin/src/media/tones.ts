//! The ring and the ringback tone, made with WebAudio: no sound file, no request.

interface Pattern {
  /** Hertz, sounded together. */
  notes: number[];
  /** [start, length] in seconds of each sounding part of one period. */
  parts: [number, number][];
  period: number;
  gain: number;
}

const RING: Pattern = { notes: [659.3, 830.6], parts: [[0, 0.35], [0.45, 0.35]], period: 2.4, gain: 0.16 };
const RINGBACK: Pattern = { notes: [440, 480], parts: [[0, 1]], period: 4, gain: 0.035 };

export interface Tone {
  stop(): void;
}

let context: AudioContext | null = null;

/** Browsers allow sound after a first touch: called from one, it makes a later ring audible. */
export function unlockSound(): void {
  context ??= typeof AudioContext === "undefined" ? null : new AudioContext();
  // Refused until the person has touched the page: the ring is then visible only.
  context?.resume().catch(() => {});
}

export function ring(): Tone {
  navigator.vibrate?.([300, 100, 300]);
  return play(RING, () => navigator.vibrate?.([300, 100, 300]));
}

export function ringback(): Tone {
  return play(RINGBACK, () => {});
}

function play(pattern: Pattern, everyPeriod: () => void): Tone {
  unlockSound();
  const audio = context;
  if (audio === null) return { stop: () => {} };
  const out = audio.createGain();
  out.gain.value = 0;
  out.connect(audio.destination);
  const oscillators = pattern.notes.map((hertz) => {
    const oscillator = audio.createOscillator();
    oscillator.frequency.value = hertz;
    oscillator.connect(out);
    oscillator.start();
    return oscillator;
  });
  const schedule = () => {
    const now = audio.currentTime;
    for (const [start, length] of pattern.parts) {
      out.gain.setTargetAtTime(pattern.gain, now + start, 0.015);
      out.gain.setTargetAtTime(0, now + start + length, 0.03);
    }
  };
  schedule();
  const timer = setInterval(() => {
    schedule();
    everyPeriod();
  }, pattern.period * 1000);
  return {
    stop: () => {
      clearInterval(timer);
      navigator.vibrate?.(0);
      for (const oscillator of oscillators) oscillator.stop();
      out.disconnect();
    },
  };
}
