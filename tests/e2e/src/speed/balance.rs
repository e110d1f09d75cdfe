//! The tool that reads one balance, beside a program with viem that does: from its start to its end, and the most memory.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
    str,
};

use eyre::{OptionExt, Result, ensure};
use serde_json::Value;

use super::{Row, Unit, median};
use crate::env::TestEnv;

/// How often each is run, one after the other; the medians count.
const RUNS: usize = 21;

/// How long a program took, and the most memory that it had.
struct Cost {
    milliseconds: f64,
    mebibytes: f64,
}

/// A program and its arguments.
struct Reader(Vec<OsString>);

impl Reader {
    /// The balance that it prints.
    fn read(&self) -> Result<String> {
        let output = Command::new(&self.0[0]).args(&self.0[1..]).output()?;
        ensure!(output.status.success(), "{}", str::from_utf8(&output.stderr)?);
        let answer: Value = serde_json::from_slice(&output.stdout)?;
        // A number, or a string of one.
        Ok(answer["balance"].to_string().trim_matches('"').to_owned())
    }

    fn measure(&self) -> Result<Cost> {
        let output = Command::new(built("measured")?).args(&self.0).output()?;
        ensure!(output.status.success(), "{}", str::from_utf8(&output.stderr)?);
        let (seconds, bytes) =
            str::from_utf8(&output.stdout)?.trim().split_once(' ').ok_or_eyre("two figures")?;
        Ok(Cost {
            milliseconds: seconds.parse::<f64>()? * 1e3,
            mebibytes: bytes.parse::<f64>()? / f64::from(1 << 20),
        })
    }
}

pub(super) async fn measure() -> Result<Vec<Row>> {
    let env = TestEnv::start().await?;
    let plan = env.create(&env.premium()?).await?;
    let holder = env.subscriber.signer();
    env.builder.mint(plan, holder, 7).await?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/speed/balance.mjs");
    let (url, plan, holder) = (env.devnet.url(), plan.to_string(), holder.to_string());
    let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    let tool = words(&["balance", &plan, &holder, "--json", "--rpc-url", url]);
    let tool = Reader([vec![built("scrip")?.into()], tool].concat());
    let contract = env.builder.address().to_string();
    let viem = words(&[url, &contract, &plan, &holder]);
    let viem = Reader([vec!["node".into(), script.into()], viem].concat());

    for reader in [&tool, &viem] {
        ensure!(reader.read()? == "7", "another balance than was minted");
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        ours.push(tool.measure()?);
        theirs.push(viem.measure()?);
    }
    let figure = |costs: &[Cost], figure: fn(&Cost) -> f64| median(costs.iter().map(figure).collect());
    let row = |task, unit, of: fn(&Cost) -> f64| {
        Row::new(task, unit, figure(&ours, of), "node and viem, readContract", figure(&theirs, of))
            .at_least(5.0)
    };
    Ok(vec![
        row("scrip balance --json, from start to end", Unit::Milliseconds, |cost| cost.milliseconds),
        row("scrip balance --json, peak memory", Unit::Mebibytes, |cost| cost.mebibytes),
    ])
}

/// A program that was built with this one, as `scripts/bench` does.
fn built(name: &str) -> Result<PathBuf> {
    let program = env::current_exe()?.with_file_name(name);
    ensure!(program.exists(), "{} is not built: run scripts/bench speed", program.display());
    Ok(program)
}
