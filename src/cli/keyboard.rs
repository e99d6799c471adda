//! Keys that are pressed while a page of its own is on the terminal.
//!
//! The terminal is read without waiting and without the help of a library: those that poll it take a terminal that has been
//! closed for one that always has something to say, and never come back.

#[cfg(target_os = "linux")]
pub(super) use tty::Keyboard;

#[cfg(not(target_os = "linux"))]
pub(super) use events::Keyboard;

/// What the terminal had to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pressed {
    /// Nothing that means something.
    Nothing,
    /// `q` or Ctrl-C.
    End,
    /// It has been closed.
    Gone,
}

#[cfg(target_os = "linux")]
mod tty {
    use super::Pressed;
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
            let Some(terminal) = &mut self.0 else { return Pressed::Nothing };
            read(terminal)
        }
    }

    /// Reads all that is there.
    pub(super) fn read(mut from: impl Read) -> Pressed {
        let mut keys = [0; 64];
        let mut pressed = Pressed::Nothing;
        // Ends because nobody types faster than this reads.
        loop {
            match from.read(&mut keys) {
                Ok(0) => return Pressed::Gone,
                Ok(count) => {
                    if keys[..count].iter().any(|key| matches!(key, b'q' | b'Q' | 3)) {
                        pressed = Pressed::End;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return pressed,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Pressed::Gone,
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod events {
    use super::Pressed;
    use ratatui::crossterm::event::{self, Event, KeyCode, KeyModifiers};
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
            loop {
                match event::poll(Duration::ZERO) {
                    Ok(false) => return Pressed::Nothing,
                    Err(_) => return Pressed::Gone,
                    Ok(true) => {}
                }
                match event::read() {
                    Ok(Event::Key(key)) => {
                        let control = key.modifiers.contains(KeyModifiers::CONTROL);
                        if key.code == KeyCode::Char('q') || control && key.code == KeyCode::Char('c') {
                            return Pressed::End;
                        }
                    }
                    Ok(_) => {}
                    Err(_) => return Pressed::Gone,
                }
            }
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::Pressed;
    use super::tty::read;
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
        assert_eq!(read(Typed(b"", silent)), Pressed::Nothing);
        assert_eq!(read(Typed(b"\x1b[A x", silent)), Pressed::Nothing);
        assert_eq!(read(Typed(b"q", silent)), Pressed::End);
        assert_eq!(read(Typed(b"ab\x03", silent)), Pressed::End);
        assert_eq!(read(Typed(b"", None)), Pressed::Gone);
        assert_eq!(read(Typed(b"", Some(ErrorKind::Other))), Pressed::Gone);
    }
}
