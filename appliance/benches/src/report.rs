//! What a run prints: lines for people, and last the one JSON object for machines.

use serde::Serialize;

use crate::call::EventCounts;
use crate::idle::IdleFigures;
use crate::load::LoadFigures;

/// Set-ups per CPU-second, box to peer.
const RATIO_GOAL: f64 = 4.0;
const KIB_PER_CONNECTION_GOAL: f64 = 40.0;
const CONNECTIONS_GOAL: usize = 2_000;
const IDLE_MIB_GOAL: f64 = 30.0;
const BINARY_MIB_GOAL: f64 = 15.0;

/// Everything measured of one side.
pub(crate) struct Figures {
    pub(crate) name: &'static str,
    /// Start to `ready` with data in place, seconds.
    pub(crate) ready_s: f64,
    /// Start to `ready` on an empty data directory, seconds.
    pub(crate) fresh_ready_s: Option<f64>,
    pub(crate) idle: IdleFigures,
    pub(crate) load: LoadFigures,
    /// Ring times at a given pace, without a queue.
    pub(crate) paced: Option<LoadFigures>,
    /// Resident memory after the load, KiB.
    pub(crate) after_load_kib: u64,
}

/// The last line. The order of the fields is part of the contract.
#[derive(Debug, Serialize)]
pub(crate) struct JsonLine {
    bench: &'static str,
    box_setups_per_cpu_s: f64,
    peer: &'static str,
    peer_setups_per_cpu_s: f64,
    ratio: f64,
    ring_p50_ms: f64,
    ring_p99_ms: f64,
    kib_per_connection: f64,
    connections: usize,
    ready_s: f64,
    idle_mib: f64,
    binary_mib: f64,
}

impl JsonLine {
    pub(crate) fn new(this_box: &Figures, peer: &Figures, binary_bytes: u64) -> Self {
        let (ours, theirs) = (this_box.load.setups_per_cpu_s(), peer.load.setups_per_cpu_s());
        Self {
            bench: "signaling",
            box_setups_per_cpu_s: rounded(ours),
            peer: peer.name,
            peer_setups_per_cpu_s: rounded(theirs),
            ratio: rounded(ours / theirs),
            ring_p50_ms: rounded(this_box.load.ring_ms(50).unwrap_or(f64::NAN)),
            ring_p99_ms: rounded(this_box.load.ring_ms(99).unwrap_or(f64::NAN)),
            kib_per_connection: rounded(this_box.idle.kib_per_connection()),
            connections: this_box.idle.held,
            ready_s: rounded(this_box.ready_s),
            idle_mib: rounded(mib(this_box.idle.idle_kib)),
            binary_mib: rounded(binary_bytes as f64 / (1024.0 * 1024.0)),
        }
    }

    /// Each goal with what was reached, one line each.
    pub(crate) fn goals(&self) -> Vec<String> {
        let line = |what: &str, reached: f64, goal: f64, met: bool| {
            format!("{} {what}: {reached} (goal {goal})", if met { "reached   " } else { "FELL SHORT" })
        };
        let connections = self.connections as f64;
        vec![
            line(
                "times the peer's set-ups per CPU-second, at least",
                self.ratio,
                RATIO_GOAL,
                self.ratio >= RATIO_GOAL,
            ),
            line(
                "KiB per idle connection, at most",
                self.kib_per_connection,
                KIB_PER_CONNECTION_GOAL,
                self.kib_per_connection <= KIB_PER_CONNECTION_GOAL,
            ),
            line(
                "connections held, at least",
                connections,
                CONNECTIONS_GOAL as f64,
                self.connections >= CONNECTIONS_GOAL,
            ),
            line("MiB of idle memory, under", self.idle_mib, IDLE_MIB_GOAL, self.idle_mib < IDLE_MIB_GOAL),
            line("MiB of binary, under", self.binary_mib, BINARY_MIB_GOAL, self.binary_mib < BINARY_MIB_GOAL),
        ]
    }
}

impl Figures {
    /// The lines for people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let name = self.name;
        let load = &self.load;
        let mut lines = vec![
            format!(
                "{name}: {:.1} call set-ups per CPU-second ({} set-ups, {:.2} CPU-s, {:.2} s of wall time, {:.1} per second)",
                load.setups_per_cpu_s(),
                load.setups,
                load.cpu_s,
                load.wall_s,
                load.setups as f64 / load.wall_s
            ),
            format!("{name}: ring under full load {}", ring_words(load)),
        ];
        if let Some(paced) = &self.paced {
            lines.push(format!(
                "{name}: ring at {:.1} set-ups per second {}, {:.2} CPU-ms per set-up",
                paced.setups as f64 / paced.wall_s,
                ring_words(paced),
                1000.0 * paced.cpu_s / paced.setups as f64
            ));
        }
        let idle = &self.idle;
        lines.push(format!(
            "{name}: {:.1} KiB per idle connection, {} held ({} of them answered a ping)",
            idle.kib_per_connection(),
            idle.held,
            idle.pinged
        ));
        let fresh = self.fresh_ready_s.map(|s| format!(", {s:.3} s on an empty data directory"));
        lines.push(format!(
            "{name}: ready after {:.3} s{}; idle {:.1} MiB, after the load {:.1} MiB",
            self.ready_s,
            fresh.unwrap_or_default(),
            mib(idle.idle_kib),
            mib(self.after_load_kib)
        ));
        lines
    }
}

fn ring_words(load: &LoadFigures) -> String {
    match (load.ring_ms(50), load.ring_ms(99)) {
        (Some(p50), Some(p99)) => format!("p50 {p50:.2} ms, p99 {p99:.2} ms"),
        _ => "was not measured".to_owned(),
    }
}

/// Events that the two phones of a call received, per call, on both sides: shows that both do the same work. Presence
/// is gathered by time, not by call, so it is compared per second.
pub(crate) fn event_lines(this_box: &LoadFigures, peer: &LoadFigures) -> Vec<String> {
    let mut names: EventCounts = this_box.events.clone();
    names.extend(peer.events.clone());
    let mut lines = vec!["events received by the two phones, per call: box / peer".to_owned()];
    for name in names.keys() {
        let (ours, theirs) = (per_call(this_box, name), per_call(peer, name));
        let mut line = format!("  {name}: {ours:.2} / {theirs:.2}");
        let same = if name == "presence" {
            let (ours, theirs) = (per_second(this_box, name), per_second(peer, name));
            line.push_str(&format!("; per second {ours:.0} / {theirs:.0}"));
            alike(ours, theirs)
        } else {
            alike(ours, theirs)
        };
        if !same {
            line.push_str("   <- NOT THE SAME WORK");
        }
        lines.push(line);
    }
    lines
}

fn per_call(load: &LoadFigures, name: &str) -> f64 {
    let calls: u64 = load.calls.iter().sum();
    load.events.get(name).copied().unwrap_or_default() as f64 / calls.max(1) as f64
}

fn per_second(load: &LoadFigures, name: &str) -> f64 {
    load.events.get(name).copied().unwrap_or_default() as f64 / load.elapsed_s
}

/// A fifth more or less is beyond what begins and ends of a run explain; a fifth of one event is not worth a word.
fn alike(ours: f64, theirs: f64) -> bool {
    let more = ours.max(theirs);
    more <= 0.2 || (ours - theirs).abs() <= 0.2 * more
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// Three digits after the point are more than any figure here deserves.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(name: &'static str, setups: u64) -> Figures {
        Figures {
            name,
            ready_s: 0.1234,
            fresh_ready_s: None,
            idle: IdleFigures { idle_kib: 2048, loaded_kib: 2048 + 40_000, held: 2000, pinged: 0 },
            load: LoadFigures { setups, cpu_s: 2.0, ring_us: vec![1500], ..LoadFigures::default() },
            paced: None,
            after_load_kib: 0,
        }
    }

    #[test]
    fn the_json_line_is_the_promised_one() {
        let line = JsonLine::new(&figures("box", 800), &figures("node socket.io", 200), 3 * 1024 * 1024 / 2);
        assert_eq!(
            serde_json::to_string(&line).unwrap(),
            r#"{"bench":"signaling","box_setups_per_cpu_s":400.0,"peer":"node socket.io","peer_setups_per_cpu_s":100.0,"ratio":4.0,"ring_p50_ms":1.5,"ring_p99_ms":1.5,"kib_per_connection":20.0,"connections":2000,"ready_s":0.123,"idle_mib":2.0,"binary_mib":1.5}"#
        );
        assert!(line.goals().iter().all(|goal| goal.starts_with("reached")));
    }

    #[test]
    fn a_missed_goal_and_unequal_work_are_said() {
        let line = JsonLine::new(&figures("box", 799), &figures("node socket.io", 200), 1);
        assert!(line.goals()[0].starts_with("FELL SHORT"));
        let load = |name: &str, count| LoadFigures {
            calls: vec![10],
            events: [(name.to_owned(), count)].into(),
            elapsed_s: 2.0,
            ..LoadFigures::default()
        };
        for name in ["presence", "call-state"] {
            assert!(event_lines(&load(name, 60), &load(name, 600))[1].contains("NOT THE SAME"));
            assert!(!event_lines(&load(name, 60), &load(name, 61))[1].contains("NOT THE SAME"));
        }
    }
}
