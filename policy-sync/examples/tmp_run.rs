//! Throwaway.
use clap::Parser;
#[derive(Parser)]
struct Cli { #[command(flatten)] args: sallyport_policy_sync::args::Args }
#[tokio::main]
async fn main() {
    let cli = Cli::parse();
    sallyport_process::logs::init(&cli.args.process.log, cli.args.process.log_format).unwrap();
    if let Err(e) = sallyport_policy_sync::run(cli.args).await { eprintln!("{}", sallyport_process::report::chain(&e)); }
}
