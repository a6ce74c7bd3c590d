//! How a Sallyport program lives: its clock, logs, tasks, readiness, end, and its health endpoint.
//!
//! The three programs share this and `contract`, and nothing else. In the order of a program's life:
//! [`args`] what every program is told · [`logs`] where it writes · [`kubernetes`] how it reaches the API
//! server · [`lease`] whether it is the one that works · [`tasks`] who owns its work · [`readiness`] when it
//! is ready · [`endpoint`] how it is asked, and [`ready_file`] where · [`shutdown`] how it ends. Beside these, [`copies`]: what many
//! of its records have in common.

pub mod args;
pub mod clock;
pub mod copies;
pub mod endpoint;
pub mod guarded;
pub mod kubernetes;
pub mod lease;
pub mod logs;
pub mod readiness;
pub mod ready_file;
pub mod report;
pub mod shutdown;
pub mod tasks;
