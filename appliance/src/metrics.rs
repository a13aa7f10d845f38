//! Counters and gauges in Prometheus' text format. Parts count with the macros of the `metrics` crate; labels are
//! a few fixed words, never a person, a number or an address.

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

/// What `/metrics` shows. Cheap to clone.
#[derive(Clone)]
pub struct Exposition(PrometheusHandle);

impl Exposition {
    /// Starts counting for the life of the process.
    ///
    /// # Errors
    /// Something counts already.
    pub fn install() -> Result<Self, BuildError> {
        let handle = PrometheusBuilder::new().install_recorder()?;
        for (name, help) in COUNTERS {
            metrics::describe_counter!(*name, *help);
        }
        for (name, help) in GAUGES {
            metrics::describe_gauge!(*name, *help);
        }
        Ok(Self(handle))
    }

    /// All metrics now.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.render()
    }

    /// Takes in what gathered since the last time; wanted every few seconds, or histograms grow.
    pub fn tidy(&self) {
        self.0.run_upkeep();
    }
}

const COUNTERS: &[(&str, &str)] = &[
    ("callbox_calls_initiated_total", "Calls that were stored as begun"),
    ("callbox_calls_answered_total", "Calls that were answered"),
    ("callbox_calls_refused_total", "Calls refused for busy or do not disturb"),
    ("callbox_calls_ended_total", "Calls that ended, by reason"),
    ("callbox_wakes_total", "Callees that had to be woken"),
    ("callbox_signaling_events_total", "Events from clients"),
    ("callbox_signaling_events_refused_total", "Events refused for form, size or rate"),
    ("callbox_signaling_slow_sockets_total", "Sockets closed because the client read too slowly"),
];

const GAUGES: &[(&str, &str)] = &[
    ("callbox_signaling_sockets", "Authenticated sockets"),
    ("callbox_calls_live", "Calls that are not over"),
    ("callbox_users_online", "Users with at least one socket"),
    ("callbox_part_works", "1 when the part works, 0 when it does not"),
];
