//! The tracker thread: what files say and how many processes there are.
//!
//! Nothing of it is ever done on the protocol thread, nor on the service thread: a file system that hangs
//! holds up what is tracked, and neither an advert nor a notification. What is found is told to the
//! switchboard, which decides what it means.

mod files;
mod processes;

use super::Command;
use crate::config::block::Buffer;
use crate::daemon::panics;
use crate::vrrp::{Followed, SwitchInput};
use files::Files;
use processes::Processes;
use std::io;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Starts the thread; `buffer` is for what the kernel tells of processes. It ends after the protocol thread has, unless a file system keeps it: nobody waits.
pub(super) fn start(
    buffer: Buffer,
    followed: mpsc::UnboundedReceiver<Followed>,
    commands: mpsc::Sender<Command>,
    respawned: bool,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let run = move || panics::essential(|| runtime.block_on(run(buffer, followed, commands, respawned)));
    std::thread::Builder::new().name("vrrp-trackers".into()).spawn(run).map(drop)
}

async fn run(
    buffer: Buffer,
    mut followed: mpsc::UnboundedReceiver<Followed>,
    commands: mpsc::Sender<Command>,
    respawned: bool,
) {
    let (mut files, mut processes) = (Files::default(), Processes::new(buffer));
    // A child that comes back is no start: what has been written into a file since stays in it.
    let mut may_overwrite = !respawned;
    loop {
        let input = tokio::select! {
            biased;
            message = followed.recv() => match message {
                Some(followed) => {
                    files.follow(followed.files, may_overwrite);
                    processes.follow(followed.processes).await;
                    may_overwrite = false;
                    continue;
                }
                None => return,
            },
            (name, reading) = files.next() => SwitchInput::File(name, reading),
            census = processes.next() => SwitchInput::Processes(census),
        };
        if commands.send(Command::Tracked(input)).await.is_err() {
            return;
        }
    }
}

/// Without a time, for ever.
async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
