//! Keys that are pressed while a page of its own is on the terminal.
//!
//! The terminal is read without waiting and without the help of a library: those that poll it take a terminal that has been
//! closed for one that always has something to say, and never come back.

#[cfg(target_os = "linux")]
pub(super) use tty::Keyboard;

#[cfg(not(target_os = "linux"))]
pub(super) use events::Keyboard;

use crate::report::live::{LiveKey, LivePart};

/// What the terminal had to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pressed {
    /// These keys, in order; often none.
    Keys(Vec<LiveKey>),
    /// `q` or Ctrl-C.
    End,
    /// It has been closed.
    Gone,
}

/// Rows of a page.
const PAGE: isize = 10;

/// What a letter means.
const fn letter(key: u8) -> Option<LiveKey> {
    Some(match key {
        b'?' | b'h' | b'H' => LiveKey::Help,
        b'\t' => LiveKey::Next,
        b'1' => LiveKey::Part(LivePart::All),
        b'2' => LiveKey::Part(LivePart::Throughput),
        b'3' => LiveKey::Part(LivePart::Causes),
        b'4' => LiveKey::Part(LivePart::Threads),
        b'k' => LiveKey::Scroll(-1),
        b'j' => LiveKey::Scroll(1),
        b'g' => LiveKey::First,
        b'G' => LiveKey::Last,
        _ => return None,
    })
}

#[cfg(target_os = "linux")]
mod tty {
    use super::{PAGE, Pressed, letter};
    use crate::report::live::LiveKey;
    use std::fs::{File, OpenOptions};
    use std::io::{ErrorKind, Read};
    use std::os::unix::fs::OpenOptionsExt;

    /// Reads the terminal that controls the process.
    #[derive(Debug)]
    pub(crate) struct Keyboard(Option<File>);

    impl Keyboard {
        /// The controlling terminal; none, and no key is ever pressed.
        pub(crate) fn open() -> Self {
            Self(
                OpenOptions::new()
                    .read(true)
                    .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
                    .open("/dev/tty")
                    .ok(),
            )
        }

        /// What was pressed since the last look.
        pub(crate) fn pressed(&mut self) -> Pressed {
            let Some(terminal) = &mut self.0 else { return Pressed::Keys(Vec::new()) };
            read(terminal)
        }
    }

    /// Reads all that is there.
    pub(super) fn read(mut from: impl Read) -> Pressed {
        let mut bytes = [0; 64];
        let mut typed = Vec::new();
        // Ends because nobody types faster than this reads.
        loop {
            match from.read(&mut bytes) {
                Ok(0) => return Pressed::Gone,
                Ok(count) => typed.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return keys(&typed),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Pressed::Gone,
            }
        }
    }

    /// The keys that bytes of a terminal stand for; what is none is passed over.
    fn keys(mut typed: &[u8]) -> Pressed {
        let mut keys = Vec::new();
        while let Some((first, rest)) = typed.split_first() {
            typed = rest;
            match first {
                b'q' | b'Q' | 3 => return Pressed::End,
                0x1b => {
                    let (key, rest) = escape(typed);
                    keys.extend(key);
                    typed = rest;
                }
                other => keys.extend(letter(*other)),
            }
        }
        Pressed::Keys(keys)
    }

    /// What follows an escape: a sequence of a key, or nothing where it was the key itself.
    fn escape(typed: &[u8]) -> (Option<LiveKey>, &[u8]) {
        let [b'[' | b'O', rest @ ..] = typed else { return (Some(LiveKey::Back), typed) };
        // Parameters, then one letter that ends it.
        let length = rest.iter().position(|byte| matches!(byte, b'@'..=b'~')).unwrap_or(rest.len());
        let (sequence, rest) = rest.split_at((length + 1).min(rest.len()));
        let key = match sequence {
            b"A" => Some(LiveKey::Scroll(-1)),
            b"B" => Some(LiveKey::Scroll(1)),
            b"5~" => Some(LiveKey::Scroll(-PAGE)),
            b"6~" => Some(LiveKey::Scroll(PAGE)),
            b"H" | b"1~" | b"7~" => Some(LiveKey::First),
            b"F" | b"4~" | b"8~" => Some(LiveKey::Last),
            _ => None,
        };
        (key, rest)
    }
}

#[cfg(not(target_os = "linux"))]
mod events {
    use super::{PAGE, Pressed, letter};
    use crate::report::live::LiveKey;
    use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyModifiers};
    use std::time::Duration;

    /// Reads the terminal's events.
    #[derive(Debug)]
    pub(crate) struct Keyboard;

    impl Keyboard {
        pub(crate) const fn open() -> Self {
            Self
        }

        /// What was pressed since the last look.
        pub(crate) fn pressed(&mut self) -> Pressed {
            let mut keys = Vec::new();
            loop {
                match event::poll(Duration::ZERO) {
                    Ok(false) => return Pressed::Keys(keys),
                    Err(_) => return Pressed::Gone,
                    Ok(true) => {}
                }
                match event::read() {
                    Ok(Event::Key(key)) if is_end(&key) => return Pressed::End,
                    Ok(Event::Key(key)) => keys.extend(meaning(key.code)),
                    Ok(_) => {}
                    Err(_) => return Pressed::Gone,
                }
            }
        }
    }

    fn is_end(key: &KeyEvent) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        matches!(key.code, KeyCode::Char('q' | 'Q')) || control && key.code == KeyCode::Char('c')
    }

    fn meaning(code: KeyCode) -> Option<LiveKey> {
        Some(match code {
            KeyCode::Char(key) => return u8::try_from(key).ok().and_then(letter),
            KeyCode::Tab => LiveKey::Next,
            KeyCode::Up => LiveKey::Scroll(-1),
            KeyCode::Down => LiveKey::Scroll(1),
            KeyCode::PageUp => LiveKey::Scroll(-PAGE),
            KeyCode::PageDown => LiveKey::Scroll(PAGE),
            KeyCode::Home => LiveKey::First,
            KeyCode::End => LiveKey::Last,
            KeyCode::Esc => LiveKey::Back,
            _ => return None,
        })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::Pressed;
    use super::tty::read;
    use crate::report::live::{LiveKey, LivePart};
    use std::io::{self, ErrorKind, Read};

    /// Gives these bytes, then an error, or the end where there is none.
    struct Typed(&'static [u8], Option<ErrorKind>);

    impl Read for Typed {
        fn read(&mut self, keys: &mut [u8]) -> io::Result<usize> {
            match (self.0.read(keys)?, self.1) {
                (0, Some(kind)) => Err(kind.into()),
                (count, _) => Ok(count),
            }
        }
    }

    #[test]
    fn q_and_control_c_end_and_a_closed_terminal_is_told_from_a_silent_one() {
        let silent = Some(ErrorKind::WouldBlock);
        assert_eq!(read(Typed(b"", silent)), Pressed::Keys(Vec::new()));
        assert_eq!(read(Typed(b"xyz", silent)), Pressed::Keys(Vec::new()));
        assert_eq!(read(Typed(b"q", silent)), Pressed::End);
        assert_eq!(read(Typed(b"ab\x03", silent)), Pressed::End);
        assert_eq!(read(Typed(b"", None)), Pressed::Gone);
        assert_eq!(read(Typed(b"", Some(ErrorKind::Other))), Pressed::Gone);
    }

    #[test]
    fn keys_with_several_bytes_are_one_key_each() {
        let keys = |typed| match read(Typed(typed, Some(ErrorKind::WouldBlock))) {
            Pressed::Keys(keys) => keys,
            other => panic!("{other:?}"),
        };
        let (up, down) = (LiveKey::Scroll(-1), LiveKey::Scroll(1));
        assert_eq!(keys(b"\x1b[A\x1b[B\x1bOAj"), [up, down, up, down]);
        assert_eq!(keys(b"\x1b[5~\x1b[6~"), [LiveKey::Scroll(-10), LiveKey::Scroll(10)]);
        assert_eq!(keys(b"\x1b[H\x1b[4~\x1b"), [LiveKey::First, LiveKey::Last, LiveKey::Back]);
        assert_eq!(keys(b"?\t4"), [LiveKey::Help, LiveKey::Next, LiveKey::Part(LivePart::Threads)]);
        // Sequences that mean nothing here, whole or broken off, are no letters.
        assert_eq!(keys(b"\x1b[1;5C\x1b[200~"), []);
        assert_eq!(keys(b"\x1b["), []);
    }
}
