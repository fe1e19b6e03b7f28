//! How the demo tells what happens: chapters with times, expectations, a summary.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// The demo's output and what became of its expectations.
#[derive(Debug)]
pub struct Story {
    begun: Instant,
    chapters: Vec<(String, Duration)>,
    current: Option<(String, Instant)>,
    held: usize,
    failures: Vec<String>,
}

impl Story {
    /// Prints the title.
    pub fn begin(title: &str) -> Self {
        println!("{title}");
        Self {
            begun: Instant::now(),
            chapters: Vec::new(),
            current: None,
            held: 0,
            failures: Vec::new(),
        }
    }

    /// Begins a chapter, and ends the one before.
    pub fn chapter(&mut self, title: &str) {
        self.end_chapter();
        println!("\n== {title}");
        self.current = Some((title.to_owned(), Instant::now()));
    }

    fn end_chapter(&mut self) {
        if let Some((title, begun)) = self.current.take() {
            self.chapters.push((title, begun.elapsed()));
        }
    }

    /// Prints a line of the story.
    pub fn says(&self, text: &str) {
        println!("   {text}");
    }

    /// Prints a text of several lines, such as a file or a plan.
    pub fn shows(&self, text: &str) {
        for line in text.lines() {
            println!("   | {line}");
        }
    }

    /// Prints whether something is as it should be, with what was seen.
    pub fn expect(&mut self, what: &str, holds: bool, seen: &impl Debug) {
        if holds {
            self.held += 1;
            println!("   ok    {what}");
        } else {
            let failure = format!("{what}; seen: {seen:?}");
            println!("   WRONG {failure}");
            self.failures.push(failure);
        }
    }

    /// Notes that the story cannot go on as planned.
    pub fn breaks_off(&mut self, error: &crate::Error) {
        let title = self.current.as_ref().map_or("the beginning", |(title, _)| title);
        let failure = format!("\"{title}\" broke off: {error}");
        println!("   WRONG {failure}");
        self.failures.push(failure);
    }

    /// Prints the summary; whether all was as expected.
    pub fn end(mut self) -> bool {
        self.end_chapter();
        println!("\n== Summary");
        for (title, time) in &self.chapters {
            println!("   {:6.1} s  {title}", time.as_secs_f64());
        }
        println!("   {:6.1} s  in all", self.begun.elapsed().as_secs_f64());
        println!("   {} expectations held, {} did not", self.held, self.failures.len());
        for failure in &self.failures {
            println!("   WRONG {failure}");
        }
        self.failures.is_empty()
    }
}
