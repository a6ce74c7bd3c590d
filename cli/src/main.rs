//! The one binary `sallyport`; called as `kubectl-sallyport` it is kubectl's plugin.

use std::process::ExitCode;

/// Gives memory back to the system soon after a peak: whoever reads a firewall's whole configuration needs a lot of it
/// for a moment, and the C library's allocator keeps what lies between two things that stay. How soon is said by
/// `MIMALLOC_PURGE_DELAY`, in the image: at once.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    sallyport_cli::run(std::env::args_os())
}
