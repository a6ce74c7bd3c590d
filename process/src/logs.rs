//! Where a program writes: structured lines on standard error.

use tracing_subscriber::EnvFilter;

use crate::args::LogFormat;

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not one.
    #[error("--log {filter:?} is not a log filter: write it like info or info,sallyport=debug")]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Logging was set up before.
    #[error("logging is already set up")]
    Twice,
}

/// Sets up logging for the whole process.
///
/// # Errors
/// A filter that cannot be read, or a second call.
pub fn init(filter: &str, format: LogFormat) -> Result<(), LogError> {
    let parsed = EnvFilter::try_new(filter)
        .map_err(|source| LogError::Filter { filter: filter.to_owned(), source })?;
    let builder = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(std::io::stderr);
    match format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder.try_init(),
    }
    .map_err(|_| LogError::Twice)
}
