//! A PAN-OS firewall to test against: XML API, commit jobs, App-ID engine, data plane. Shares no code with policy-sync.
