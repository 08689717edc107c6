//! A view of a made-up list, without agent and terminal: `xtask/cost` counts what it costs.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::ask::Answers;
use super::model::Model;
use super::view;
use crate::leaks::Leaks;
use crate::leaks::suspect::Suspect;

/// The size of its screen, in columns and lines.
const SIZE: Rect = Rect { x: 0, y: 0, width: 200, height: 50 };

/// A view and its screen.
#[derive(Debug)]
pub struct Sample {
    model: Model,
    answer: Leaks,
    buffer: Buffer,
}

impl Sample {
    /// Returns a view of so many suspects, drawn once.
    #[must_use]
    pub fn of(suspects: u32) -> Self {
        let suspect = |number: u32| Suspect {
            process: format!("process-{number}"),
            kind: "never_closed".to_owned(),
            sentence: format!("process {number} holds connections"),
            score: number.into(),
            connections: number.into(),
            ..Suspect::default()
        };
        let answer = Leaks { suspects: (0..suspects).map(suspect).collect(), ..Leaks::default() };
        let model = Model::new("nowhere", Duration::from_secs(2), true);
        let mut sample = Self { model, answer, buffer: Buffer::empty(SIZE) };
        sample.refresh();
        sample.draw();
        sample
    }

    /// Takes an answer, sorts and measures its rows.
    pub fn refresh(&mut self) {
        let leaks = Some(Ok(self.answer.clone()));
        self.model.take(Answers { leaks, ..Answers::default() });
    }

    /// Draws a frame.
    pub fn draw(&mut self) {
        self.buffer.reset();
        view::draw(&self.model, SIZE, &mut self.buffer);
    }
}
