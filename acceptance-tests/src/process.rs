//! Child processes that never outlive the harness: each is the leader of its own process group.

use crate::{Error, Result};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};

/// A child and everything it starts, ended together when dropped.
#[derive(Debug)]
pub(crate) struct ProcessGroup {
    child: Child,
    status: Option<ExitStatus>,
}

impl ProcessGroup {
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.process_group(0).spawn().map_err(Error::program(&program))?;
        Ok(Self { child, status: None })
    }

    /// The leader's process id, which is the group's id too.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The exit status once the leader has ended.
    pub(crate) fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        if self.status.is_none() {
            self.status = self.child.try_wait().map_err(Error::program("wait"))?;
        }
        Ok(self.status)
    }

    /// Sends a signal to the whole group.
    pub(crate) fn signal(&self, signal: Signal) {
        signal_target(signal, &format!("-{}", self.id()));
    }

    /// Sends a signal to the processes that the leader has started, not to the leader.
    pub(crate) fn signal_children(&self, signal: Signal) {
        for child in children(self.id()) {
            signal_target(signal, &child.to_string());
        }
    }

    /// Sends a signal to the leader alone.
    pub(crate) fn signal_leader(&self, signal: Signal) {
        signal_target(signal, &self.id().to_string());
    }
}

/// Field 4 of `/proc/<pid>/stat` is the parent; the command name before it may hold spaces, so count from its closing
/// bracket.
fn children(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parent_of = |id: u32| -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    ids.filter(|id| parent_of(*id) == Some(parent)).collect()
}

/// The signals that the harness sends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Signal {
    Interrupt,
    Kill,
}

/// `kill` is a builtin of every POSIX shell, so no extra crate or package is needed.
fn signal_target(signal: Signal, target: &str) {
    let name = match signal {
        Signal::Interrupt => "INT",
        Signal::Kill => "KILL",
    };
    // A process that is gone already is what we want.
    let _ = Command::new("/bin/sh")
        .args(["-c", "kill -s \"$0\" -- \"$1\" 2>/dev/null", name, target])
        .status();
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if !matches!(self.try_wait(), Ok(Some(_))) {
            self.signal(Signal::Kill);
            let _ = self.child.wait();
        }
    }
}
