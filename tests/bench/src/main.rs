//! make bench: measures admission and the journey, writes target/bench/report.json.

fn main() {}
