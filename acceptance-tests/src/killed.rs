//! `kill -9` in the midst of create, update and destroy.
//!
//! The proxy stops the whole cloud at the n-th writing call, before or after it takes effect; then the provider is killed,
//! with Terraform or alone, and the cloud goes on. Which calls these are follows from how many a run without a death makes,
//! so that the points are spread over the whole of it, and are the same in every run.

use crate::proxy::{Proxy, Stop};
use crate::site::{Site, sandbox};
use crate::{Configuration, Error, Result, Terraform};
use regex::Regex;
use std::time::Duration;

/// A provider that has been dead for so long is not waited for; two minutes otherwise.
pub const STALE_AFTER: Duration = Duration::from_secs(2);

/// Longer than a whole command takes, on a busy machine too.
const REACHED_WITHIN: Duration = Duration::from_mins(5);

/// A stack that is killed, over and over.
#[derive(Debug)]
pub struct Victim {
    /// What is created.
    pub base: Configuration,
    /// What it is updated to.
    pub edited: Configuration,
    /// Where it is.
    pub regions: &'static [&'static str],
    /// The name of its record in SSM, in the first region.
    pub record: String,
}

/// What a run without any death makes of a victim.
struct Calm {
    /// Writing calls of create, update and destroy.
    writes: [usize; 3],
    /// What exists after create and after update.
    inventories: [Vec<String>; 2],
}

impl Victim {
    /// So many lives side by side, each killed once in its create, its update and its destroy: the first at their first
    /// writing calls, the last at their last ones. Answers at how many points a provider died.
    ///
    /// # Errors
    /// [`Error::Expectation`] when something was orphaned, doubled or lost; each life's in one text.
    pub async fn lives(&self, count: usize) -> Result<usize> {
        let calm = self.calm().await?;
        println!("without a death: {:?} writing calls", calm.writes);
        let lives = (0..count).map(|life| self.live(&calm, life, count));
        let (mut points, mut failures) = (0, Vec::new());
        for (life, ended) in futures::future::join_all(lives).await.into_iter().enumerate() {
            match ended {
                Ok(killed) => points += killed,
                Err(error) => failures.push(format!("life {life}: {error}")),
            }
        }
        println!(
            "killed at {points} points of create, update and destroy: {} failures",
            failures.len()
        );
        if failures.is_empty() {
            Ok(points)
        } else {
            Err(Error::Expectation(failures.join("\n\n")))
        }
    }

    async fn calm(&self) -> Result<Calm> {
        let (site, proxy) = self.site().await?;
        site.terraform.apply().await?;
        let created = proxy.writes();
        let base = self.inventory(&site).await?;
        proxy.forget();
        site.configure(&self.edited);
        site.terraform.apply().await?;
        let updated = proxy.writes();
        let edited = self.inventory(&site).await?;
        proxy.forget();
        site.terraform.destroy().await?;
        Ok(Calm {
            writes: [created, updated, proxy.writes()],
            inventories: [base, edited],
        })
    }

    /// How often the provider was killed in this life.
    async fn live(&self, calm: &Calm, life: usize, lives: usize) -> Result<usize> {
        let (site, proxy) = self.site().await?;
        let site = site.with_env("TAP_STALE_AFTER_SECONDS", &STALE_AFTER.as_secs().to_string());
        let stop = if life.is_multiple_of(2) {
            Stop::After
        } else {
            Stop::Before
        };
        let [create, update, destroy] = calm.writes.map(|writes| 1 + (writes - 1) * life / (lives - 1).max(1));
        let mut killed = 0;

        killed += usize::from(kill(&site.terraform, &proxy, "apply", create, stop).await?);
        site.terraform.apply().await?;
        self.must_be_whole(&site, &calm.inventories[0]).await?;

        site.configure(&self.edited);
        killed += usize::from(kill(&site.terraform, &proxy, "apply", update, stop).await?);
        site.terraform.apply().await?;
        self.must_be_whole(&site, &calm.inventories[1]).await?;

        killed += usize::from(kill(&site.terraform, &proxy, "destroy", destroy, stop).await?);
        site.terraform.destroy().await?;
        let left = self.inventory(&site).await?;
        if left.is_empty() {
            Ok(killed)
        } else {
            Err(Error::Expectation(format!("left after destroy: {left:?}")))
        }
    }

    async fn site(&self) -> Result<(Site, Proxy)> {
        let proxy = Proxy::start(sandbox().await.endpoint()).await?;
        let site = Site::new(&self.base)
            .await
            .with_env("AWS_ENDPOINT_URL", proxy.endpoint());
        Ok((site, proxy))
    }

    /// What exists in all regions, without what differs from account to account.
    async fn inventory(&self, site: &Site) -> Result<Vec<String>> {
        let chance = Regex::new(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|/stream/\S+")
            .map_err(|error| Error::Expectation(error.to_string()))?;
        let mut all = Vec::new();
        for region in self.regions {
            for line in site.left_in(region).await {
                let line = line.replace(site.aws.account(), "<account>");
                let line = chance.replace_all(&line, "<id>").into_owned();
                all.push(format!("{region}: {}", without_id(&line)));
            }
        }
        all.sort();
        Ok(all)
    }

    /// Nothing to plan, nothing orphaned, doubled or lost, and the record says that the stack is complete.
    async fn must_be_whole(&self, site: &Site, expected: &[String]) -> Result<()> {
        site.terraform.plan().await?.must_be_empty()?;
        let exists = self.inventory(site).await?;
        if exists != expected {
            let surplus: Vec<_> = without(&exists, expected);
            let lost: Vec<_> = without(expected, &exists);
            let text = format!("orphaned or doubled: {surplus:?}, lost: {lost:?}");
            return Err(Error::Expectation(text));
        }
        let request = site.aws.ssm().get_parameter().name(&self.record);
        let answer = request.send().await.map_err(|e| Error::aws("ssm:GetParameter", &e))?;
        let value = answer.parameter.and_then(|parameter| parameter.value);
        let text = value.unwrap_or_default();
        if text.contains("\"status\":\"complete\"") {
            Ok(())
        } else {
            Err(Error::Expectation(format!("the record is not complete: {text}")))
        }
    }
}

/// Kinds whose last word is an id of chance, after a name.
fn without_id(line: &str) -> &str {
    let named_and_numbered = ["rest_api ", "api_key ", "usage_plan "];
    let numbered = named_and_numbered.iter().any(|kind| line.starts_with(kind));
    match line.rsplit_once(' ') {
        Some((rest, _)) if numbered => rest,
        _ => line,
    }
}

/// What the first has more often than the second.
fn without<'a>(these: &'a [String], those: &[String]) -> Vec<&'a String> {
    let count = |all: &[String], line: &String| all.iter().filter(|other| *other == line).count();
    let mut more: Vec<_> = these
        .iter()
        .filter(|line| count(these, line) > count(those, line))
        .collect();
    more.dedup();
    more
}

/// Runs a command and kills the provider at the `number`-th writing call; false when the command ended before.
///
/// # Errors
/// [`Error::Expectation`] when the command succeeded all the same.
pub async fn kill(terraform: &Terraform, proxy: &Proxy, command: &str, number: usize, stop: Stop) -> Result<bool> {
    proxy.stop_at(number, stop);
    let running = terraform.start(&[command, "-auto-approve", "-input=false", "-no-color"])?;
    let reached = tokio::time::timeout(REACHED_WITHIN, proxy.stopped()).await.is_ok();
    // Alone it is noticed by Terraform, which records what it knows: both must do.
    if number.is_multiple_of(2) {
        running.kill_provider();
    } else {
        running.kill();
    }
    let finished = running.wait().await?;
    let writes = proxy.writes();
    proxy.resume();
    if reached && finished.status.success() {
        let text = format!("{command} survived its death at call {number}");
        return Err(Error::Expectation(text));
    }
    if !reached {
        println!("{command} made no {number}-th writing call but {writes}");
    }
    // What Terraform's user would do with `force-unlock`.
    let _ = std::fs::remove_file(terraform.folder().join(".terraform.tfstate.lock.info"));
    tokio::time::sleep(STALE_AFTER).await;
    Ok(reached)
}
