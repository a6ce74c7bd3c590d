//! make demo: the journey, told to a person who has never seen it.

fn main() {}
