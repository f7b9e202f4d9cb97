//! The disk fills up: pushes are answered 503 with a time to try again, what was acknowledged stays, and the service
//! goes on when there is room again. The disk is a small tmpfs in a user and mount namespace of its own.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use tidegate_testkit::remote_write::{Version, send};
use tidegate_testkit::skipped::UNSHARE;
use tidegate_testkit::{Series, Server, eventually, now_ms};

use crate::support::{SEEN_LIMIT, gives};

/// A process that holds the namespaces, and the folder that is a disk within them.
pub struct SmallDisk {
    holder: Child,
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts it. `size` is tmpfs's, such as `16m`.
    pub async fn mounted(unshare: &Path, folder: &Path, size: &str) -> anyhow::Result<Self> {
        let disk = Self::new(unshare, folder, size)?;
        eventually("the small disk is mounted", SEEN_LIMIT, Duration::from_millis(50), async || {
            Ok(disk.outside().join("mounted").exists().then_some(()))
        })
        .await
        .context("user namespaces have to be allowed: sysctl kernel.unprivileged_userns_clone=1")?;
        Ok(disk)
    }

    fn new(unshare: &Path, folder: &Path, size: &str) -> anyhow::Result<Self> {
        let script = "mount -t tmpfs -o \"$0\" tidegate-test \"$1\" && touch \"$1/mounted\" && exec sleep 3600";
        let mut command = Command::new(unshare);
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, &format!("size={size}")]).arg(folder);
        let holder = command.stdin(Stdio::null()).spawn()?;
        Ok(Self { holder, folder: folder.to_owned() })
    }

    /// What a program is started through to see the disk.
    pub fn enter(&self) -> [String; 6] {
        let holder = self.holder.id().to_string();
        ["nsenter", "--target", &holder, "--user", "--mount", "--preserve-credentials"].map(str::to_owned)
    }

    /// The disk's folder as seen from here.
    pub fn outside(&self) -> PathBuf {
        let inside = self.folder.strip_prefix("/").unwrap_or(&self.folder);
        Path::new("/proc").join(self.holder.id().to_string()).join("root").join(inside)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Both fail only when the process is gone already.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// Writes a file until nothing more fits.
pub fn fill(path: &Path) -> anyhow::Result<()> {
    let mut file = fs::File::create(path)?;
    for size in [1 << 20, 4_096, 1] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
    Ok(())
}

#[tokio::test]
async fn a_full_disk_loses_nothing_acknowledged() -> anyhow::Result<()> {
    let Some(unshare) = UNSHARE.or_skip("a_full_disk_loses_nothing_acknowledged") else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let disk = SmallDisk::mounted(&unshare, folder.path(), "256m").await?;
    let enter = disk.enter();
    let enter: Vec<&str> = enter.iter().map(String::as_str).collect();
    let mut server = Server::quiet_options().through(&enter).data_dir(&folder.path().join("data")).start().await?;

    let (begin, mut taken) = (now_ms(), 0);
    let ballast = disk.outside().join("ballast");
    let mut refused = None;
    for number in 0..400 {
        if number == 20 {
            fill(&ballast)?;
        }
        let series: Vec<Series> = (0..500)
            .map(|index| Series::new("full", &[("index", &index.to_string())]).at(begin + number * 10, 1.0))
            .collect();
        let answer = send(&server.http_url(), Version::V1, &series).await;
        match answer {
            Ok(answer) if answer.status().is_success() => taken += 1,
            Ok(answer) => {
                refused = Some(answer);
                break;
            }
            Err(error) => anyhow::bail!("no answer on a full disk: {error}\n{}", server.output()),
        }
    }
    ensure!(taken >= 20, "only {taken} requests were taken");
    let refused = refused.context("the disk is full, and everything was taken")?;
    ensure!(refused.status() == 503, "{refused:?}");
    ensure!(refused.headers().contains_key("retry-after"), "{refused:?}");

    fs::remove_file(&ballast)?;
    let probe = [Series::new("afterwards", &[]).at(now_ms(), 1.0)];
    let went_on = eventually("it goes on by itself", SEEN_LIMIT, Duration::from_millis(500), async || {
        let answer = send(&server.http_url(), Version::V1, &probe).await?;
        ensure!(answer.status().is_success(), "{}: {}", answer.status(), answer.text().await?);
        Ok(Some(()))
    });
    went_on.await.with_context(|| server.output())?;
    gives(&server.api(), "count_over_time(afterwards[5m])", 1.0, SEEN_LIMIT).await?;
    // A request that was refused may be there as well: its answer says only that it is not known to be.
    let least = (taken * 500) as f64;
    for round in ["went on", "started again"] {
        let counted = eventually("all is there", SEEN_LIMIT, Duration::from_secs(1), async || {
            let counted = server.api().number("sum(count_over_time(full[10m]))").await?;
            ensure!(counted >= least, "{counted} of {least}, once it {round}");
            Ok(Some(counted))
        })
        .await?;
        ensure!(counted == least || counted == least + 500.0, "{counted} counted, {least} taken, once it {round}");
        server.kill9();
        server.start().await?;
    }
    Ok(())
}
