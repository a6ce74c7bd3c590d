//! As whom and where AWS is asked, by what stands in the environment of a process: so each test asks from a process of its own.
#![cfg(test)]

mod asker;
mod hosts;
mod place;
mod proxy;
mod sources;

use std::{future::Future, process::ExitCode};

use libtest_mimic::{Arguments, Trial};

/// A test by its name.
macro_rules! tests {
    ($($module:ident: $($name:ident)+;)+) => {
        vec![$($(trial(stringify!($name), $module::$name)),+),+]
    };
}

fn trial<F: Future<Output = ()> + Send + 'static>(name: &str, body: fn() -> F) -> Trial {
    Trial::test(name, move || {
        tokio::runtime::Runtime::new().unwrap().block_on(body());
        Ok(())
    })
}

fn main() -> ExitCode {
    if std::env::var_os(asker::WHOM).is_some() {
        return asker::main();
    }
    let trials = tests![
        sources:
            pod_identity_of_eks_is_taken
            irsa_is_taken_and_goes_before_pod_identity
            a_ca_in_another_account_is_asked_under_its_role
            law_8_credentials_that_end_in_the_middle_heal_and_cost_one_certificate
            credentials_are_fetched_anew_before_they_end
            without_credentials_the_nodes_role_is_not_borrowed
            law_11_no_credentials_are_in_a_log;
        hosts:
            each_partition_and_fips_has_its_own_hosts
            an_endpoint_of_a_vpc_is_asked_instead;
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
