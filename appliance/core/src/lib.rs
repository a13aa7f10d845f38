//! Core.

pub mod settings;
