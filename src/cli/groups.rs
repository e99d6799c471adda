//! The list of commands in the program's help, by what they are for.

use clap::builder::styling::Styles;
use std::fmt::Write;

/// Every command, under what it is for.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Experiments", &["run", "compare", "explain", "whatif", "decide", "fit", "search", "sweep"]),
    ("Verdicts", &["claims", "audit", "verify", "campaign"]),
    ("This machine", &["doctor", "calibrate", "validate"]),
    (
        "Records and scenarios",
        &[
            "import", "record", "replay", "report", "results", "diff", "history", "list", "show", "init",
            "check", "schema",
        ],
    ),
    ("The shell", &["completions", "man", "help"]),
];

/// `command` with its subcommands listed in groups.
pub(super) fn grouped(command: clap::Command) -> clap::Command {
    let styles = Styles::styled();
    let (header, literal) = (styles.get_header(), styles.get_literal());
    let mut list = String::new();
    for (title, names) in GROUPS {
        let _ = writeln!(list, "{header}{title}:{header:#}");
        for name in names {
            let about = command.find_subcommand(name).and_then(clap::Command::get_about);
            let about =
                about.map_or_else(|| "Print this, or the help of a command".into(), ToString::to_string);
            let _ = writeln!(list, "  {literal}{name:<12}{literal:#} {about}");
        }
        list.push('\n');
    }
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{list}{header}Options:{header:#}\n{{options}}{{after-help}}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_in_one_group() {
        let mut listed: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        listed.sort_unstable();
        let command = super::super::command();
        let mut known: Vec<&str> =
            command.get_subcommands().map(clap::Command::get_name).chain(["help"]).collect();
        known.sort_unstable();
        assert_eq!(listed, known);
    }
}
