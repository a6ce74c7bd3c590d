//! `sallyport reference`: the pages docs/API.md and docs/CLI.md, from the types and from the definition of the command line.

use clap::{Arg, Command, ValueEnum, builder::StyledStr};
use sallyport_contract::object;
use serde_json::Value;

use crate::people;

/// Print a page of the reference.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which one.
    page: Page,
}

#[derive(Clone, Copy, ValueEnum)]
enum Page {
    /// Every field of every object.
    Api,
    /// Every command and flag.
    Cli,
}

/// Prints the page.
pub(crate) fn run(args: &Args, command: Command) -> Result<(), String> {
    people::print(&match args.page {
        Page::Api => objects()?,
        Page::Cli => commands(command),
    })
}

/// The objects that people write come first.
const WRITTEN_BY_PEOPLE: [&str; 5] =
    ["IdentityPolicy", "CertificateAuthority", "Firewall", "IdentityRequest", "GateOverride"];

fn objects() -> Result<String, String> {
    let mut page = String::from(
        "# Objects\n\nEvery field of every object of `sallyport.dev/v1alpha1`, as the API server takes it; `kubectl explain idpol.spec` says the same. Examples: \
         [manifests/examples](../manifests/examples). What each object is for: [CONCEPTS.md](CONCEPTS.md). Generated from the types by `make manifests`.\n",
    );
    let mut definitions = object::definitions();
    let rank = |kind: &str| WRITTEN_BY_PEOPLE.iter().position(|one| *one == kind).unwrap_or(usize::MAX);
    definitions.sort_by_key(|definition| rank(&definition.spec.names.kind));
    for definition in definitions {
        let names = &definition.spec.names;
        let schema = definition.spec.versions.first().and_then(|version| version.schema.as_ref());
        let schema = serde_json::to_value(schema.and_then(|schema| schema.open_api_v3_schema.as_ref()))
            .map_err(|error| format!("cannot read the schema of {}: {error}", names.kind))?;
        let short = names.short_names.as_ref().map(|short| short.join(", ")).unwrap_or_default();
        page.push_str(&format!(
            "\n## {}\n\n{}\n\n{}, short name `{short}`.\n\n| Field | Type | Default | What it is |\n|---|---|---|---|\n",
            names.kind,
            words(&schema["description"]),
            if definition.spec.scope == "Namespaced" { "In a namespace" } else { "Of the whole cluster" },
        ));
        for part in ["spec", "status"] {
            fields(&mut page, part, &schema["properties"][part]);
        }
        let mut rules = Vec::new();
        collect_rules(&schema, &mut rules);
        if !rules.is_empty() {
            page.push_str("\nAlso held by the API server: ");
            page.push_str(&format!("{}.\n", rules.join("; ")));
        }
    }
    Ok(page)
}

/// One row for each field below a schema, depth first.
fn fields(page: &mut String, path: &str, schema: &Value) {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        let needed = required.iter().any(|one| one.as_str() == Some(name));
        let default = match field.get("default") {
            Some(value) => format!("`{value}`"),
            None if needed => "required".to_owned(),
            None => String::new(),
        };
        page.push_str(&format!(
            "| `{path}` | {} | {default} | {} |\n",
            kind(field),
            words(&field["description"])
        ));
        fields(page, &path, field);
        fields(page, &format!("{path}[]"), &field["items"]);
    }
}

fn kind(field: &Value) -> String {
    if let Some(words) = field["enum"].as_array() {
        let words = words.iter().filter_map(Value::as_str).map(|word| format!("`{word}`"));
        return words.collect::<Vec<_>>().join(" ");
    }
    match (field["type"].as_str(), field["format"].as_str()) {
        (Some("array"), _) => format!("list of {}", kind(&field["items"])),
        (Some("object"), _) if field["additionalProperties"].is_object() => "map".to_owned(),
        (Some("string"), Some("date-time")) => "time".to_owned(),
        (Some(kind), _) => kind.to_owned(),
        (None, _) => "value".to_owned(),
    }
}

/// What the schema asks of several fields together, each once.
fn collect_rules(schema: &Value, rules: &mut Vec<String>) {
    match schema {
        Value::Object(fields) => {
            for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
                let message = rule["message"].as_str().unwrap_or_default().to_owned();
                if !message.is_empty() && !rules.contains(&message) {
                    rules.push(message);
                }
            }
            fields.values().for_each(|field| collect_rules(field, rules));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_rules(item, rules)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A description as one cell of a table.
fn words(text: &Value) -> String {
    cell(text.as_str().unwrap_or_default())
}

fn cell(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // Links to items of the source mean nothing outside of it.
    line.replace("[`", "`").replace("`]", "`").replace('|', "\\|").replace('<', "&lt;")
}

fn commands(mut command: Command) -> String {
    command.build();
    let mut page = String::from(
        "# Commands\n\nEvery command of `sallyport`, as `--help` tells it. Called as `kubectl-sallyport` it is `kubectl sallyport`. Generated from the definition of the \
         command line by `make manifests`.\n",
    );
    one(&mut page, &command);
    page
}

fn one(page: &mut String, command: &Command) {
    let path = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let usage = command.clone().render_usage().to_string();
    let about = command.get_long_about().or_else(|| command.get_about());
    page.push_str(&format!(
        "\n## {path}\n\n{}\n\n```text\n{}\n```\n",
        told(about),
        usage.trim_start_matches("Usage: ").trim()
    ));
    let arguments: Vec<&Arg> = command.get_arguments().filter(|one| shown(one)).collect();
    if !arguments.is_empty() {
        page.push_str("\n| Flag | Default | What it does |\n|---|---|---|\n");
    }
    for argument in arguments {
        let defaults: Vec<String> = argument
            .get_default_values()
            .iter()
            .map(|value| format!("`{}`", value.to_string_lossy()))
            .collect();
        let variable = argument.get_env().map(|name| format!(" Also `{}`.", name.to_string_lossy()));
        let about = told(argument.get_long_help().or_else(|| argument.get_help()));
        page.push_str(&format!(
            "| {} | {} | {about}{}{} |\n",
            flag(argument),
            defaults.join(" "),
            choices(argument),
            variable.unwrap_or_default()
        ));
    }
    command.get_subcommands().filter(|one| !one.is_hide_set()).for_each(|one_of| one(page, one_of));
}

/// Help and version are those of every program.
fn shown(argument: &Arg) -> bool {
    !argument.is_hide_set() && !["help", "version"].contains(&argument.get_id().as_str())
}

fn flag(argument: &Arg) -> String {
    let value =
        argument.get_value_names().into_iter().flatten().map(|name| name.as_str()).collect::<Vec<_>>();
    let value = if argument.get_action().takes_values() { value.join(" ") } else { String::new() };
    match (argument.get_short(), argument.get_long()) {
        (Some(short), Some(long)) => format!("`-{short}`, `{}`", format!("--{long} {value}").trim_end()),
        (None, Some(long)) => format!("`{}`", format!("--{long} {value}").trim_end()),
        (Some(short), None) => format!("`{}`", format!("-{short} {value}").trim_end()),
        (None, None) => format!("`{value}`"),
    }
}

/// What may be said, where that is a closed list.
fn choices(argument: &Arg) -> String {
    if !argument.get_action().takes_values() {
        return String::new();
    }
    let words = argument.get_possible_values().into_iter().filter(|value| !value.is_hide_set());
    let words: Vec<String> = words.map(|value| format!("`{}`", value.get_name())).collect();
    if words.is_empty() { String::new() } else { format!(" One of {}.", words.join(", ")) }
}

/// A help text as sentences: clap takes the last period away.
fn told(text: Option<&StyledStr>) -> String {
    let text = text.map(|text| cell(&text.to_string())).unwrap_or_default();
    if text.is_empty() || text.ends_with(['.', '`']) { text } else { format!("{text}.") }
}
