//! A server that cannot start says why, in words that help, and ends.

use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use tidegate_testkit::{Options, Server, binary};

const END_LIMIT: Duration = Duration::from_secs(60);

/// Starts it, waits for its end, and gives what it said. Success is an error.
async fn refuses(options: Options, prepare: impl FnOnce(&Server) -> anyhow::Result<()>) -> anyhow::Result<String> {
    let mut server = options.prepare()?;
    prepare(&server)?;
    server.spawn()?;
    let status = server.wait_exit(END_LIMIT).await?;
    ensure!(!status.success(), "it ends with {status}");
    let output = server.output();
    ensure!(!output.contains("panicked"), "{output}");
    Ok(output)
}

fn run(arguments: &[&str]) -> anyhow::Result<Output> {
    Ok(Command::new(binary::tidegate()?).args(arguments).stdin(Stdio::null()).output()?)
}

#[tokio::test]
async fn a_port_in_use_is_named() -> anyhow::Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    for key in ["http.listen", "grpc.listen"] {
        let output = refuses(Server::quiet_options().set(key, &address), |_| Ok(())).await?;
        ensure!(output.contains(&address) && output.to_lowercase().contains("in use"), "{key}: {output}");
    }
    Ok(())
}

#[tokio::test]
async fn an_unknown_key_names_the_nearest() -> anyhow::Result<()> {
    let output = refuses(Options::default().set("http.lisen", "127.0.0.1:1"), |_| Ok(())).await?;
    ensure!(output.contains("http.lisen") && output.contains("http.listen"), "{output}");
    let output = refuses(Options::default().set("limits.requests_per_second", "many"), |_| Ok(())).await?;
    ensure!(output.contains("limits.requests_per_second"), "{output}");
    Ok(())
}

#[tokio::test]
async fn a_folder_of_another_version_is_left_alone() -> anyhow::Result<()> {
    let prepare = |server: &Server| {
        std::fs::create_dir_all(server.data_dir())?;
        Ok(std::fs::write(server.data_dir().join("FORMAT"), "999\n")?)
    };
    let output = refuses(Server::quiet_options(), prepare).await?;
    ensure!(output.contains("999") && output.contains("version"), "{output}");
    Ok(())
}

#[tokio::test]
async fn a_folder_in_use_is_refused() -> anyhow::Result<()> {
    let first = Server::quiet().await?;
    let output = refuses(Server::quiet_options().data_dir(first.data_dir()), |_| Ok(())).await?;
    ensure!(output.contains("in use") && output.contains(&first.data_dir().display().to_string()), "{output}");
    ensure!(first.api().ready().await);
    Ok(())
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() -> anyhow::Result<()> {
    let output = refuses(Server::quiet_options().data_dir("/dev/null/data".as_ref()), |_| Ok(())).await?;
    ensure!(output.contains("/dev/null/data"), "{output}");
    Ok(())
}

#[test]
fn the_configuration_prints_and_checks() -> anyhow::Result<()> {
    let printed = run(&["config", "print", "--set", "http.listen=127.0.0.1:9999"])?;
    let text = String::from_utf8(printed.stdout)?;
    ensure!(
        printed.status.success() && text.contains("127.0.0.1:9999") && text.contains("requests_per_second"),
        "{text}"
    );
    // What it prints is a configuration file that says the same.
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("tidegate.yaml");
    std::fs::write(&file, &text)?;
    let file = file.to_str().context("a path")?;
    ensure!(String::from_utf8(run(&["config", "print", "--config", file])?.stdout)? == text);
    ensure!(run(&["config", "check", "--config", file])?.status.success());
    std::fs::write(file, text.replace("requests_per_second", "request_per_second"))?;
    let checked = run(&["config", "check", "--config", file])?;
    let error = String::from_utf8(checked.stderr)?;
    ensure!(!checked.status.success() && error.contains("requests_per_second"), "{error}");
    Ok(())
}
