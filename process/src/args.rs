//! The flags that every program has.

use std::net::SocketAddr;

use clap::{Args, ValueEnum};

/// Flags of every program.
#[derive(Args, Clone, Debug)]
pub struct ProcessArgs {
    /// Where health (/healthz, /readyz) and metrics (/metrics) are served; port 0 takes a free one.
    #[arg(long, env = "SALLYPORT_HEALTH_ADDRESS", default_value = "0.0.0.0:9402")]
    pub health_address: SocketAddr,
    /// What is logged: error, warn, info, debug or trace, also by target (`info,sallyport=debug`).
    #[arg(long, env = "SALLYPORT_LOG", default_value = "info")]
    pub log: String,
    /// How a log line is written.
    #[arg(long, env = "SALLYPORT_LOG_FORMAT", default_value = "json")]
    pub log_format: LogFormat,
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}
