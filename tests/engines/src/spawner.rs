//! Starts children that end with this process, however it ends.
//!
//! Linux can signal a child when its parent dies; `setpriv` of util-linux asks for that without unsafe code.
//! What the system calls the parent is the thread that started the child, so one thread that never ends
//! starts them all. Such children have a process group of their own: Ctrl-C reaches us and what we run, and
//! the engines end last. Where there is no `setpriv`, children stay in our group and end by Ctrl-C, and a
//! parent that is killed leaves them behind.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

type Order = (Command, SyncSender<io::Result<Child>>);

/// Starts `words` with its output in `log`.
pub(crate) fn spawn(words: &[OsString], log: &File) -> io::Result<Child> {
    let mut command = command(words);
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log.try_clone()?);
    let (answer, answered) = sync_channel(1);
    orders()
        .send((command, answer))
        .expect("the thread that starts children never ends");
    answered.recv().expect("every order is answered")
}

fn command(words: &[OsString]) -> Command {
    let (program, args) = words.split_first().expect("a command has a program");
    if !has_setpriv() {
        let mut command = Command::new(program);
        command.args(args);
        return command;
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "--"])
        .args(words)
        .process_group(0);
    command
}

fn has_setpriv() -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    cfg!(target_os = "linux") && env::split_paths(&path).any(|dir| dir.join("setpriv").is_file())
}

fn orders() -> &'static SyncSender<Order> {
    static ORDERS: OnceLock<SyncSender<Order>> = OnceLock::new();
    ORDERS.get_or_init(|| {
        let (orders, received) = sync_channel::<Order>(1);
        thread::spawn(move || {
            for (mut command, answer) in received {
                // Whoever does not wait for the answer any more does not want the child either.
                if let Err(unwanted) = answer.send(command.spawn())
                    && let Ok(mut child) = unwanted.0
                {
                    let _ = child.kill();
                    let _ = child.wait();
                }
            }
        });
        orders
    })
}
