//! The terminal while the view has it.
//!
//! Guarantee: it is as it was when [`Screen`] is dropped, by a panic too, and a panic's message is
//! on the screen that is left then.

use std::io::{self, Stdout, Write, stdout};

use crossterm::cursor::Show;
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

use super::model::Model;
use super::view;

/// The terminal in raw mode, on its alternate screen.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    /// Dropped behind the terminal, which shows the cursor again.
    _restored: Restored<Stdout>,
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// It is none, or cannot be written to.
    pub(super) fn open() -> io::Result<Self> {
        enable_raw_mode()?;
        let restored = Restored(stdout());
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            leave(&mut stdout());
            usual(panic);
        }));
        execute!(stdout(), EnterAlternateScreen)?;
        let terminal = Terminal::new(CrosstermBackend::new(stdout()))?;
        Ok(Self { terminal, _restored: restored })
    }

    /// Draws the model.
    ///
    /// # Errors
    /// The terminal cannot be written to.
    pub(super) fn draw(&mut self, model: &Model) -> io::Result<()> {
        let frame = self.terminal.draw(|frame| view::draw(model, frame.area(), frame.buffer_mut()));
        frame.map(drop)
    }
}

/// Gives the terminal back when it is dropped.
struct Restored<W: Write>(W);

impl<W: Write> Drop for Restored<W> {
    fn drop(&mut self) {
        leave(&mut self.0);
    }
}

/// Gives the terminal back. A failure is ignored: there is nothing left to do then.
fn leave(out: &mut impl Write) {
    let _ = execute!(out, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_gives_the_terminal_back() {
        let mut written = Vec::new();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _restored = Restored(&mut written);
            std::panic::resume_unwind(Box::new("on the way"));
        }));
        assert!(panicked.is_err());
        assert_eq!(String::from_utf8(written).unwrap(), "\u{1b}[?1049l\u{1b}[?25h");
    }
}
