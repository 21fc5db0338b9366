//! How it looks: a timeline while it happens, a table at the end. Colour on a terminal only.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use crate::play::Row;
use crate::stage::State;

/// Standard output, plain or coloured.
pub(crate) struct View {
    colour: bool,
}

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";

impl View {
    pub(crate) fn new() -> Self {
        Self { colour: io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() }
    }

    fn paint(&self, style: &str, text: impl Display) -> String {
        if self.colour { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_string() }
    }

    /// A closed pipe is no reason to leave the stage in disorder.
    fn say(&self, line: &str) {
        let _ = writeln!(io::stdout(), "{line}");
    }

    pub(crate) fn complain(&self, error: &io::Error) {
        let _ = writeln!(io::stderr(), "failover: {error}");
    }

    pub(crate) fn note(&self, text: &str) {
        self.say(&self.paint(DIM, text));
    }

    /// The headline of an act and of its columns.
    pub(crate) fn act(&self, title: &str, files: [&str; 2]) {
        self.say("");
        self.say(&format!(
            "{}   {}",
            self.paint(BOLD, title),
            self.paint(DIM, format!("examples/conf/failover/{{{},{}}}", files[0], files[1]))
        ));
        self.say("");
        let head = format!("{:>10}   {:<10} {:<10} {:<12}", "seconds", "node a", "node b", "client gets");
        self.say(&self.paint(DIM, head));
    }

    /// The state of things has changed.
    pub(crate) fn sight(&self, at: Duration, a: State, b: State, server: Option<&str>) {
        let answer = match server {
            Some(name) => format!("← {name}"),
            None => self.paint(RED, "no answer"),
        };
        let line = format!("{:>10.3}   {} {} {answer}", at.as_secs_f64(), self.state(a), self.state(b));
        self.say(line.trim_end());
    }

    fn state(&self, state: State) -> String {
        let (style, word) = match state {
            State::Down => (DIM, "-"),
            State::Starting => (DIM, "starting"),
            State::Stopping => (DIM, "stopping"),
            State::Backup => (YELLOW, "BACKUP"),
            State::Master => (GREEN, "MASTER"),
            State::Fault => (RED, "FAULT"),
        };
        self.paint(style, format!("{word:<10}"))
    }

    /// Somebody does something.
    pub(crate) fn event(&self, at: Duration, what: &str) {
        self.say(&format!("{:>10.3} {} {}", at.as_secs_f64(), self.paint(BOLD, "▶"), self.paint(BOLD, what)));
    }

    /// What it meant to the client.
    pub(crate) fn outage(&self, at: Duration, server: &str, outage: Duration, good: bool) {
        let mark = if good { self.paint(GREEN, "✓") } else { self.paint(RED, "✗") };
        let words = if good {
            format!("{server} serves; the client was cut off for {}", milliseconds(outage))
        } else {
            format!("{server} did not take over; no answer for {}", milliseconds(outage))
        };
        self.say(&format!("{:>10.3} {mark} {words}", at.as_secs_f64()));
    }

    /// Some lines for the one who has to find out why.
    pub(crate) fn log(&self, name: &str, lines: &str) {
        self.say(&self.paint(RED, format!("           {name}:")));
        lines.lines().for_each(|line| self.say(&format!("             {line}")));
    }

    /// The outages of all acts side by side.
    pub(crate) fn table(&self, columns: &[(&str, Vec<Row>)]) {
        const BAR: usize = 16;
        let longest = columns.iter().flat_map(|(_, rows)| rows).map(|r| r.outage).max().unwrap_or_default();
        let events = columns.iter().map(|(_, rows)| rows.len()).max().unwrap_or(0);
        self.say("");
        self.say(&self.paint(BOLD, "How long a client of 10.99.0.100 was cut off"));
        self.say("");
        let mut head = format!("{:<26} {:<6}", "", "serves");
        columns.iter().for_each(|(title, _)| head += &format!("  {:<width$}", title, width = BAR + 16));
        self.say(&self.paint(DIM, head.trim_end()));
        for index in 0..events {
            let mut line = String::new();
            for (_, rows) in columns {
                let Some(row) = rows.get(index) else { continue };
                if line.is_empty() {
                    line = format!("{:<26} {:<6}", row.event, row.server);
                }
                let share = row.outage.as_secs_f64() / longest.as_secs_f64().max(0.001);
                let bar = "█".repeat((share * BAR as f64).round() as usize);
                let style = if row.good { GREEN } else { RED };
                let verdict = if row.good { milliseconds(row.outage) } else { "failed".to_owned() };
                line += &format!(
                    "  {verdict:>9} {}",
                    self.paint(style, format!("{bar:<width$}", width = BAR + 6))
                );
            }
            self.say(line.trim_end());
        }
        self.say("");
        let failed = columns.iter().flat_map(|(_, rows)| rows).filter(|row| !row.good).count();
        if failed == 0 {
            self.note("After kill -9 the dead daemon's node still holds the address and answers until b announces it.");
        } else {
            self.say(&self.paint(RED, format!("{failed} of the events did not end as they must.")));
        }
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1000.0)
}
