//! Measures the segment log: fsynced 1 KiB records per second and how long a receipt takes,
//! for a growing number of producers that each wait for one receipt before the next record.
//! `cargo run --release -p relink-queue --example log_throughput [folder]`

use bytes::Bytes;
use relink_core::seal::{KEY_LEN, SealKey};
use relink_queue::log::{LogOptions, SegmentLog};
use std::error::Error;
use std::time::{Duration, Instant};

const RUN: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "log-throughput".to_owned());
    for producers in [1, 16, 64, 256] {
        let options = LogOptions { min_free: 0.0, ..LogOptions::new(&folder, "throughput") };
        let log = SegmentLog::open(options, SealKey::from_bytes("throughput", &[1; KEY_LEN])?)?;
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..producers {
            tasks.spawn(produce(log.clone()));
        }
        let mut waits = tasks.join_all().await.concat();
        waits.sort_unstable();
        let at = |share: usize| waits.get(waits.len() * share / 1000).copied().unwrap_or_default();
        println!(
            "{producers:>4} producers: {:>7.0} records/s, p50 {:?}, p99 {:?}, p99.9 {:?}",
            f64::from(u32::try_from(waits.len())?) / RUN.as_secs_f64(),
            at(500),
            at(990),
            at(999),
        );
        log.close().await;
        std::fs::remove_dir_all(&folder)?;
    }
    Ok(())
}

async fn produce(log: SegmentLog) -> Vec<Duration> {
    let (body, end) = (Bytes::from(vec![b'x'; 1024]), Instant::now() + RUN);
    let mut waits = Vec::new();
    while Instant::now() < end {
        let start = Instant::now();
        match log.append("0195f3a2-0000-7000-8000-000000000000", body.clone()).await {
            Ok(receipt) => log.settle(receipt.seq()),
            Err(error) => {
                eprintln!("not stored: {error}");
                break;
            }
        }
        waits.push(start.elapsed());
    }
    waits
}
