//! How to speak on this terminal: colour, alphabet, width, progress.

use crate::report::page::Page;
use crate::report::text::{Details, ascii, ascii_page, text};
use std::env;
use std::io::{self, IsTerminal};

/// Options that every command takes.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Display")]
pub struct DisplayOptions {
    /// Say nothing but the result and errors
    #[arg(long, short, global = true, display_order = 900)]
    pub quiet: bool,
    /// Every section of the page, or those named: --details=locks,threads
    #[arg(long, global = true, value_name = "SECTION", display_order = 899)]
    #[arg(num_args = 0..=1, require_equals = true, value_delimiter = ',', default_missing_value = "all")]
    pub details: Vec<String>,
    /// When to colour [env: CONLAB_COLOR, NO_COLOR]
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", display_order = 901)]
    #[arg(env = "CONLAB_COLOR", hide_env = true, hide_possible_values = false)]
    pub color: clap::ColorChoice,
    /// How to show progress on stderr [env: CONLAB_PROGRESS]
    #[arg(long, global = true, value_enum, value_name = "HOW", default_value = "auto", display_order = 902)]
    #[arg(env = "CONLAB_PROGRESS", hide_env = true)]
    pub progress: ProgressChoice,
}

/// How to show progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ProgressChoice {
    /// A bar on a terminal, a counter elsewhere
    Auto,
    /// A bar
    Bar,
    /// A line now and then
    Counter,
    /// Nothing
    None,
}

/// How to speak on this terminal.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts of a terminal")]
pub struct Terminal {
    /// Whether stdout gets colour.
    pub color: bool,
    /// Whether stderr gets colour.
    pub error_color: bool,
    /// Whether only ASCII can be shown: the locale says so (`LC_ALL`, `LC_CTYPE`, `LANG`).
    pub ascii: bool,
    /// Whether stdout is a terminal.
    pub interactive: bool,
    /// Columns of the terminal; 100 when it does not say.
    pub width: usize,
    /// How much of a page to show.
    pub details: Details,
    /// Whether to say nothing but the result and errors.
    pub quiet: bool,
    /// How to show progress; never `Auto`.
    pub progress: ProgressChoice,
}

impl Terminal {
    /// Looks at the options, the environment and the streams.
    #[must_use]
    pub fn new(options: &DisplayOptions) -> Self {
        let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let allowed = !set("NO_COLOR") && env::var_os("TERM").is_none_or(|term| term != "dumb");
        let colored = |stream_is_terminal: bool| match options.color {
            clap::ColorChoice::Always => true,
            clap::ColorChoice::Never => false,
            clap::ColorChoice::Auto => (stream_is_terminal || set("CLICOLOR_FORCE")) && allowed,
        };
        let progress = match options.progress {
            _ if options.quiet => ProgressChoice::None,
            ProgressChoice::Auto if io::stderr().is_terminal() => ProgressChoice::Bar,
            ProgressChoice::Auto => ProgressChoice::Counter,
            chosen => chosen,
        };
        Self {
            color: colored(io::stdout().is_terminal()),
            error_color: colored(io::stderr().is_terminal()),
            ascii: !speaks_utf8(|name| env::var(name).ok()),
            interactive: io::stdout().is_terminal(),
            width: width(),
            details: match options.details.as_slice() {
                [] => Details::Brief,
                words if words.iter().any(|word| word == "all") => Details::All,
                words => Details::Of(words.to_vec()),
            },
            quiet: options.quiet,
            progress,
        }
    }

    /// `text` in bold, where stdout has colour.
    #[must_use]
    pub fn strong(&self, text: &str) -> String {
        paint(self.color, "1", text)
    }

    /// `text` dimmed, where stdout has colour.
    #[must_use]
    pub fn faint(&self, text: &str) -> String {
        paint(self.color, "2", text)
    }

    /// `text` in bold red, where stderr has colour.
    #[must_use]
    pub fn alarm(&self, text: &str) -> String {
        paint(self.error_color, "1;31", text)
    }

    /// `text` as this terminal can show it: without UTF-8, µ becomes u and so on.
    #[must_use]
    pub fn plain(&self, text: &str) -> String {
        if self.ascii { ascii(text) } else { text.to_owned() }
    }

    /// `page` as this terminal shows it.
    #[must_use]
    pub fn page(&self, page: &Page) -> String {
        if self.ascii {
            ascii(&text(&ascii_page(page), self.width, &self.details))
        } else {
            text(page, self.width, &self.details)
        }
    }
}

fn paint(colored: bool, style: &str, text: &str) -> String {
    if colored { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Whether the locale is UTF-8; an unset locale counts as UTF-8 except for an explicit `C` or `POSIX`.
fn speaks_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| variable(name).filter(|value| !value.is_empty()));
    locale.is_none_or(|locale| {
        let locale = locale.to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// Columns of the terminal, as the environment or the terminal says.
fn width() -> usize {
    if let Some(columns) = env::var("COLUMNS").ok().and_then(|text| text.parse().ok()) {
        return columns;
    }
    ratatui::crossterm::terminal::size().map_or(100, |(columns, _)| usize::from(columns).clamp(40, 240))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_decides_the_alphabet() {
        let with = |name: &'static str, value: &'static str| {
            speaks_utf8(move |asked| (asked == name).then(|| value.to_owned()))
        };
        assert!(with("LANG", "en_GB.UTF-8"));
        assert!(with("LC_ALL", "C.utf8"));
        assert!(!with("LC_ALL", "C"));
        assert!(!with("LANG", "de_DE.ISO-8859-1"));
        assert!(speaks_utf8(|_| None));
    }
}
