//! The harness itself: a sandbox starts on loopback only, shows what exists, and leaves nothing behind.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod inventory;
mod proxy;

use inventory::create_table;
use std::collections::HashSet;
use std::fs;
use tap_acceptance_tests::Sandbox;

#[tokio::test]
async fn the_inventory_shows_what_exists_in_its_account_and_region_only() {
    let sandbox = Sandbox::start().await.unwrap();
    let (one, other) = (sandbox.aws(), sandbox.aws());
    assert_eq!(one.inventory().await.unwrap(), Vec::<String>::new());

    create_table(&one, "transactions-dev").await;

    assert_eq!(one.inventory().await.unwrap(), ["dynamodb_table transactions-dev"]);
    assert_eq!(other.inventory().await.unwrap(), Vec::<String>::new());
    assert_eq!(
        one.in_region("eu-west-1").inventory().await.unwrap(),
        Vec::<String>::new()
    );

    one.dynamodb()
        .delete_table()
        .table_name("transactions-dev")
        .send()
        .await
        .unwrap();
    assert_eq!(one.inventory().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn it_listens_on_loopback_only_and_ends_with_its_value() {
    let sandbox = Sandbox::start().await.unwrap();
    let id = sandbox.process_id();
    let addresses = listening_addresses(id);
    assert!(!addresses.is_empty(), "the check must see the server's own socket");
    assert!(addresses.iter().all(|address| address == LOOPBACK), "{addresses:?}");

    drop(sandbox);
    assert_eq!(processes_of_group(id), Vec::<u32>::new());
}

/// 127.0.0.1 as /proc/net/tcp writes it.
const LOOPBACK: &str = "0100007F";
const LISTEN: &str = "0A";

fn listening_addresses(group: u32) -> Vec<String> {
    let sockets: HashSet<String> = processes_of_group(group).into_iter().flat_map(socket_inodes).collect();
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|file| fs::read_to_string(file).unwrap_or_default());
    let lines = tables.iter().flat_map(|table| table.lines().skip(1));
    let fields = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ours = fields.filter(|field| field[3] == LISTEN && sockets.contains(&format!("socket:[{}]", field[9])));
    ours.map(|field| field[1].split(':').next().unwrap_or_default().to_owned())
        .collect()
}

fn socket_inodes(process: u32) -> Vec<String> {
    let Ok(files) = fs::read_dir(format!("/proc/{process}/fd")) else {
        return Vec::new();
    };
    files
        .flatten()
        .filter_map(|file| Some(fs::read_link(file.path()).ok()?.to_string_lossy().into_owned()))
        .collect()
}

fn processes_of_group(group: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    processes.filter(|id| process_group(*id) == Some(group)).collect()
}

/// Field 5 of /proc/<pid>/stat; the command name before it may hold spaces, so count from its closing bracket.
fn process_group(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(2)?.parse().ok()
}
